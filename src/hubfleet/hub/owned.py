"""JupyterHub's settings that hubfleet sets itself, and which of its own words to use in their place."""

from collections.abc import Iterable, Mapping

_PROXY = "hubfleet runs the proxy"
_ADDRESS = "hubfleet gives each hub its address: `domain` in the hub's file, `listen` and `https` in the cluster's"
_STATE = "hubfleet keeps the hub's data, keys and cookies"
_FORM = "hubfleet's own spawn page asks; write `profiles`"
_FILE = "hubfleet has entries of its own in it; add to it in a `python_file`"
_PAGES = "write `branding`, `title` and `announcement`"
_CERTIFICATES = "write `https` in the cluster's file"
_SERVERS = "the agent decides how servers run"


def _each(reason: str, traits: str) -> dict[str, str]:
    return dict.fromkeys(traits.split(), reason)


JUPYTERHUB: Mapping[str, str] = {
    **_each(
        _ADDRESS,
        "base_url bind_url public_url ip port hub_bind_url hub_connect_ip hub_connect_port hub_connect_url hub_ip"
        " hub_port hub_routespec hub_socket_mode default_server_name",
    ),
    **_each("write `user_subdomains`", "subdomain_host subdomain_hook"),
    **_each(_PROXY, "proxy_class proxy_cmd proxy_api_ip proxy_api_port proxy_auth_token debug_proxy cleanup_proxy"),
    **_each(_PROXY, "forwarded_host_header trusted_downstream_ips"),
    **_each(_STATE, "cookie_secret cookie_secret_file data_files_path db_kwargs db_url reset_db upgrade_db"),
    **_each(
        _CERTIFICATES,
        "ssl_cert ssl_key internal_ssl internal_certs_location recreate_internal_certs external_ssl_authorities"
        " trusted_alt_names generate_certs confirm_no_ssl",
    ),
    **_each(_SERVERS, "spawner_class cleanup_servers init_spawners_timeout"),
    **_each("write `sign_in: {with: …}`", "authenticator_class"),
    **_each("write `admins`", "admin_users"),
    **_each("write `groups`", "load_groups"),
    **_each("write `roles`", "load_roles"),
    **_each("write `named_servers`", "allow_named_servers named_server_limit_per_user"),
    **_each(_FILE, "services service_tokens api_tokens template_paths tornado_settings"),
    **_each(_PAGES, "logo_file template_vars"),
    **_each(
        "hubfleet starts the hub",
        "answer_yes config_file generate_config pid_file show_config show_config_json",
    ),
    **_each("hubfleet keeps the hub's log", "extra_log_file extra_log_handlers logging_config"),
}

SPAWNER: Mapping[str, str] = {
    **_each(_SERVERS, "args cmd hub_connect_url ip port notebook_dir env_keep ssl_alt_names poll_interval"),
    **_each(_SERVERS, "ssl_alt_names_include_local http_timeout disable_user_config"),
    **_each(_FORM, "apply_user_options options_form options_from_form group_overrides"),
    **_each("write `profiles: {standard: {variables: {…}}}`", "environment"),
    **_each("write `profiles: {standard: {default_url: …}}`", "default_url"),
    **_each("write `profiles: {standard: {cpu: …}}`", "cpu_guarantee cpu_limit"),
    **_each("write `profiles: {standard: {memory_gib: …}}`", "mem_guarantee mem_limit"),
}

AUTHENTICATOR: Mapping[str, str] = {
    **_each("write `admins`", "admin_users admin_groups admin_google_groups"),
    **_each("write `allow: {people: […]}`", "allowed_users whitelist allow_existing_users"),
    **_each("write `allow: {everyone: true}`", "allow_all any_allow_config"),
    **_each("write `allow: {groups: […]}`", "allowed_groups allowed_google_groups"),
    **_each("write `groups: {NAME: {from: sign_in}}`", "manage_groups auth_state_groups_key"),
    **_each("write `sign_in: {organizations: […]}`", "allowed_organizations"),
    **_each("write `sign_in: {domains: […]}`", "hosted_domain"),
    **_each("write `sign_in: {identity_providers: {…}}`", "allowed_idps"),
    **_each("write `sign_in`", "client_id client_secret user_password admin_password open_signup"),
    **_each("write `sign_in: {refresh_minutes: …}`", "auth_refresh_age auth_refresh_strict refresh_pre_spawn"),
    **_each("it follows from the hub's address", "oauth_callback_url"),
    **_each("hubfleet keeps it for refreshes", "enable_auth_state reconcile_auth_state_hook"),
}

CLASSES_OF_SIGN_IN: Mapping[str, frozenset[str]] = {
    "shared-password": frozenset({"SharedPasswordAuthenticator"}),
    "native": frozenset({"NativeAuthenticator"}),
    "github": frozenset({"GitHubOAuthenticator", "OAuthenticator"}),
    "google": frozenset({"GoogleOAuthenticator", "OAuthenticator"}),
    "cilogon": frozenset({"CILogonOAuthenticator", "OAuthenticator"}),
    "oidc": frozenset({"GenericOAuthenticator", "OAuthenticator"}),
}
"""Which of JupyterHub's classes a sign-in reads, beside `Authenticator`."""


def owner(class_name: str, trait: str) -> str:
    """Return why a trait may not be set, or nothing if it may."""
    if "Proxy" in class_name:
        return _PROXY
    table = AUTHENTICATOR if class_name.endswith("Authenticator") else SPAWNER
    return (JUPYTERHUB if class_name == "JupyterHub" else table).get(trait, "")


def named() -> Iterable[tuple[str, str]]:
    """Go through all pairs of class and trait of the tables; a test looks them up in JupyterHub."""
    yield from (("JupyterHub", trait) for trait in JUPYTERHUB)
    yield from (("Spawner", trait) for trait in SPAWNER)
    yield from (("Authenticator", trait) for trait in AUTHENTICATOR)
