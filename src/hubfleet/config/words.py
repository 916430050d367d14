"""What to say about a key that nothing reads: what was meant, in other tools' words too."""

from collections.abc import Iterable, Mapping

from hubfleet._kit.names import closest
from hubfleet.config.merge import Path, Setting
from hubfleet.errors import UnknownKeyError

OTHER_WORDS: Mapping[str, str] = {
    # z2jh's hub
    "hub.allowNamedServers": "`named_servers: 4`, how many a person may have beside the default one",
    "hub.namedServerLimitPerUser": "`named_servers`",
    "hub.activeServerLimit": "`ceilings: {servers: …}` in the cluster's file",
    "hub.config.JupyterHub.authenticator_class": "`sign_in: {with: …}`",
    "hub.config.Authenticator.admin_users": "`admins`",
    "hub.config.Authenticator.allowed_users": "`allow: {people: […]}`",
    "hub.config.Authenticator.allow_all": "`allow: {everyone: true}`",
    "hub.config": "`jupyterhub: {Class: {trait: …}}` for what has no key of its own here",
    "hub.extraConfig": "`python_file: files/NAME.py`",
    "hub.extraEnv": "`jupyterhub`, or an environment of the machine",
    "hub.extraFiles": "files of the fleet's folder, or `shared_folders`",
    "hub.loadRoles": "`roles`",
    "hub.services": "`python_file`, which can add to JupyterHub's services",
    "hub.db": "`database`",
    "hub.baseUrl": "`domain`: each hub has an address of its own",
    "hub.templateVars": "`branding` and `announcement`",
    "custom.homepage": "`branding` and `title`",
    "custom": "`branding`, `title` and `features`",
    # z2jh's servers
    "singleuser.memory.limit": "`profiles: {standard: {memory_gib: …}}`",
    "singleuser.memory.guarantee": "`profiles: {standard: {memory_guarantee_gib: …}}`",
    "singleuser.cpu.limit": "`profiles: {standard: {cpu: …}}`",
    "singleuser.cpu.guarantee": "`profiles: {standard: {cpu_guarantee: …}}`",
    "singleuser.image": "`profiles: {standard: {environment: …}}`",
    "singleuser.defaultUrl": "`profiles: {standard: {default_url: …}}`",
    "singleuser.extraEnv": "`profiles: {standard: {variables: {…}}}`",
    "singleuser.profileList": "`profiles`",
    "singleuser.storage.capacity": "`home: {quota_gib: …}`",
    "singleuser.storage.extraVolumeMounts": "`shared_folders`",
    "singleuser.storage": "`home` and `shared_folders`",
    "singleuser.cloudMetadata": "nothing: servers never reach metadata addresses",
    "singleuser.networkPolicy": "`network` in the cluster's file",
    "singleuser.extraResource": "`profiles: {standard: {gpu: …}}`",
    "singleuser": "`profiles`, `home` and `shared_folders`",
    "profileList": "`profiles`",
    "profile_list": "`profiles`",
    "defaultUrl": "`default_url`",
    "extraEnv": "`variables`",
    "environment_variables": "`variables`",
    "env": "`variables`",
    "display_name": "`title`",
    "displayName": "`title`",
    "slug": "the profile's key",
    "default": "nothing: the first one that a person may choose is the default",
    "profile_options": "`options`",
    "unlisted_choice": "`environment`",
    "mem_limit": "`memory_gib`",
    "mem_guarantee": "`memory_guarantee_gib`",
    "memory_limit": "`memory_gib`",
    "memory": "`memory_gib`",
    "mem": "`memory_gib`",
    "cpu_limit": "`cpu`",
    "cpus": "`cpu`",
    "gpus": "`gpu`",
    "node_selector": "`clusters`, where the profile may run",
    "allowed_groups": "`groups`",
    # z2jh's culler, proxy and the rest
    "cull.enabled": "`culling: {idle_minutes: …}`, where 0 is never",
    "cull.timeout": "`culling: {idle_minutes: …}`, in minutes",
    "cull.maxAge": "`culling: {max_age_hours: …}`, in hours",
    "cull.every": "nothing: servers are looked at often enough",
    "cull": "`culling`",
    "timeout": "`idle_minutes`, in minutes",
    "maxAge": "`max_age_hours`, in hours",
    "max_age": "`max_age_hours`, in hours",
    "ingress.hosts": "`domain`",
    "ingress": "`domain`",
    "proxy.https": "`https` in the cluster's file",
    "proxy.secretToken": "nothing: it is generated",
    "proxy": "`listen` and `https` in the cluster's file",
    "prePuller": "nothing: environments are kept ready on their cluster",
    "scheduling": "`ceilings` in the cluster's file, and `clusters` of a profile",
    "dask-gateway": "`features: {dask: true}`",
    "binderhub-service": "`features: {builds: true}`",
    "nfs": "`home` and `shared_folders`",
    "basehub": "its keys directly, in hubfleet's words",
    "daskhub": "its keys directly, in hubfleet's words",
    # sign-in
    "auth": "`sign_in`, `allow` and `admins`",
    "authenticator": "`sign_in: {with: …}`",
    "authenticator_class": "`sign_in: {with: …}`",
    "admin_users": "`admins`",
    "adminUsers": "`admins`",
    "allowed_users": "`allow: {people: […]}`",
    "allow_all": "`allow: {everyone: true}`",
    "allow_existing_users": "`allow: {people: […]}`",
    "allowed_organizations": "`organizations`",
    "allowed_teams": "`organizations: [organization:team]`",
    "hosted_domain": "`domains`",
    "allowed_domains": "`domains`",
    "allowed_idps": "`identity_providers`",
    "login_service": "`name`",
    "scope": "`scopes`",
    "oauth_callback_url": "nothing: it follows from the hub's address",
    "auth_refresh_age": "`refresh_minutes`, in minutes",
    "open_signup": "`approval: false`",
    "enable_signup": "`approval`",
    "user_password": "`password`",
    "load_groups": "`groups`",
    "load_roles": "`roles`",
    # other words for ours
    "name": "the file's name",
    "config": "`jupyterhub`, or `python_file`",
    "color": "`colour`",
    "logo": "`branding: {logo: …}`",
    "welcome": "`branding: {welcome: …}`",
    "announcement": "`announcement` of the hub itself, not of its branding",
    "url": "`domain`",
    "host": "`domain`",
    "port": "`listen: ADDRESS:PORT`",
    "tls": "`https`",
    "ssl": "`https`",
    "users": "`allow: {people: […]}`",
    "storage": "`home: {quota_gib: …}`",
    "quota": "`quota_gib`",
    "volumes": "`shared_folders`",
    "image": "`environment`",
    "type": "`kind`",
    "hubs": "one file each in hubs/",
    "clusters": "one file each in clusters/",
}
"""Other tools' keys, by their path from the first key that is unknown here, and what they are here."""


def unknown_keys(path: Path, setting: Setting, known: Iterable[str]) -> list[UnknownKeyError]:
    """Say what a key that nothing reads should be: one error, or one for each line where the words are another tool's.

    `path` is the key's path in its file, `known` are the keys that may stand in its place.
    """
    known = sorted(known)
    key = path[-1]
    foreign = [
        (deeper, leaf, hint)
        for deeper, leaf in setting.leaves()
        if len(deeper) and (hint := _longest(f"{key}.{'.'.join(deeper)}"))
    ]
    if foreign:
        return [_error((*path, *deeper), leaf, hint) for deeper, leaf, hint in foreign]
    return [_error(path, setting, _hint(key, known))]


def other_word(dotted: str) -> str:
    """Return what another tool's key is here, or nothing."""
    meant = _longest(dotted)
    return f"here that is {meant}" if meant and not meant.startswith("nothing") else meant.removeprefix("nothing: ")


def _hint(key: str, known: list[str]) -> str:
    alike = closest(key, known)
    meant = OTHER_WORDS.get(key, "")
    own = meant.strip("`").partition(":")[0] in known
    if meant and (own or not alike):
        return meant
    if alike:
        return f"did you mean `{alike}`?"
    return f"known here: {', '.join(known)}" if known else ""


def _longest(dotted: str) -> str:
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        if meant := OTHER_WORDS.get(".".join(parts[:length])):
            return meant
    return ""


def _error(path: Path, setting: Setting, hint: str) -> UnknownKeyError:
    if hint and not hint.startswith(("did you mean", "known here")):
        hint = hint.removeprefix("nothing: ") if hint.startswith("nothing") else f"here that is {hint}"
    shown = ".".join(path)
    return UnknownKeyError(f"unknown key `{shown[:80]}`", hint=hint, where=setting.where)
