"""The configuration that a hub's file makes, and what its proof looks for."""

import sys
from pathlib import Path
from typing import Any

import pytest

from hubfleet._kit import process
from hubfleet.hub.sign_in.pages import links
from hubfleet.plan.sign_in_proof import proof
from integration.hub.sign_in.hubs import ADMIN_PASSWORD, PASSWORD, SECRETS
from unit.hub.sign_in.kinds import KINDS, UNI, configured, program

OUTSIDE = ("github", "google", "cilogon", "oidc")


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_say_who_is_allowed(kind: str) -> None:
    """Rules are written out; rights are asked again, and who has none is refused by cookie and token."""
    allow = {"people": ["ana"], "groups": ["staff"]}
    c = configured(KINDS[kind], admins=["mlee"], allow=allow, groups={"staff": ["bo"]})
    assert (c.Authenticator.admin_users, c.Authenticator.allowed_users) == ({"mlee"}, {"ana"})
    assert (c.Authenticator.allow_all, c.Authenticator.allow_existing_users) == (False, False)
    assert (c.Authenticator.manage_groups, c.Authenticator.auth_refresh_strict) == (True, True)
    assert c.Authenticator.auth_refresh_age == 300
    assert c.Checked.rights.allowed == {"staff"}
    assert "load_groups" not in c.JupyterHub


@pytest.mark.parametrize("kind", OUTSIDE)
def test_kinds_with_a_provider_share_client_callback_pkce_and_crypt(kind: str) -> None:
    """Secrets come from files, tokens are kept encrypted, and the callback is the hub's own address."""
    c = configured({**KINDS[kind], "refresh_minutes": 7})
    assert (c.OAuthenticator.client_id, c.OAuthenticator.client_secret) == ("ocean", SECRETS["client-secret"])
    assert c.OAuthenticator.oauth_callback_url == "http://127.0.0.1:8000/hub/oauth_callback"
    assert c.OAuthenticator.enable_pkce is True
    assert (c.Authenticator.enable_auth_state, c.CryptKeeper["keys"]) == (True, [SECRETS["crypt"]])
    assert c.Authenticator.auth_refresh_age == 420


def test_shared_password_has_both_passwords() -> None:
    """They come from the secrets folder."""
    c = configured(KINDS["shared-password"]).SharedPasswordAuthenticator
    assert (c.user_password, c.admin_password) == (PASSWORD, ADMIN_PASSWORD)


def test_native_passes_its_settings_on() -> None:
    """Length, attempts and e-mail as the file says; a locked name waits ten minutes."""
    c = configured({"with": "native", "password_length_min": 14, "attempts_max": 5, "ask_email": True})
    native = c.NativeAuthenticator
    assert (native.minimum_password_length, native.allowed_failed_logins, native.ask_email_on_signup) == (14, 5, True)
    assert native.seconds_before_next_try == 600


def test_github_asks_for_no_more_than_it_needs() -> None:
    """Hidden memberships need a right to read; without organisations and teams nothing is asked."""
    bare = {**KINDS["github"], "organizations": []}
    assert configured(KINDS["github"]).OAuthenticator.scope == ["read:org"]
    assert configured(bare).OAuthenticator.scope == []
    assert configured(bare, groups={"reef:divers": {"from": "sign_in"}}).OAuthenticator.scope == ["read:org"]


def test_oidc_takes_an_issuer_or_three_addresses() -> None:
    """Whatever is not given is empty, so that no environment variable of the machine fills it."""
    c = configured(KINDS["oidc"])
    assert (c.Oidc.issuer, c.GenericOAuthenticator.authorize_url) == ("https://id.example.org/", "")
    assert c.OAuthenticator.scope == ["openid", "email", "profile"]


def test_cilogon_can_cut_a_domain_off_and_put_a_prefix_before() -> None:
    """The prefix is ours, the cut oauthenticator's."""
    idp = {"strip_domain": "uni.edu", "prefix": "uni"}
    c = configured({**KINDS["cilogon"], "identity_providers": {UNI: idp}})
    naming = {"username_claim": "email", "action": "strip_idp_domain", "domain": "uni.edu"}
    assert c.CILogonOAuthenticator.idps == {UNI: {"username_derivation": naming}}
    made: Any = c.JupyterHub.authenticator_class(config=c)
    assert made.user_info_to_username({"idp": UNI, "email": "Ana@uni.edu"}) == "uni:Ana"


@pytest.mark.parametrize(
    ("kind", "host"),
    [("github", "github.com"), ("google", "accounts.google.com"), ("cilogon", "cilogon.org"), ("oidc", "")],
)
def test_the_proof_of_a_provider_names_host_client_and_callback(kind: str, host: str) -> None:
    """Where an issuer tells its addresses, the host is not known beforehand."""
    redirect = proof(program(KINDS[kind])).redirect
    assert redirect is not None
    assert (redirect.host, redirect.client_id) == (host, "ocean")
    assert redirect.redirect_uri == "http://127.0.0.1:8000/hub/oauth_callback"


@pytest.mark.parametrize("kind", ["shared-password", "native"])
def test_the_proof_of_a_form_names_its_fields(kind: str) -> None:
    """There is no redirect, but a form."""
    wanted = proof(program(KINDS[kind]))
    assert wanted.redirect is None
    assert 'name="password"' in wanted.contains


def test_only_native_adds_pages() -> None:
    """Admins get the list of accounts, everybody a page to change the password."""
    assert {kind: len(links(program(KINDS[kind]))) for kind in KINDS if kind != "native"} == dict.fromkeys(
        (kind for kind in KINDS if kind != "native"), 0
    )
    assert [(link.path, link.admins_only) for link in links(program(KINDS["native"]))] == [
        ("authorize", True),
        ("change-password", False),
    ]


@pytest.mark.parametrize(
    ("kind", "unwanted"),
    [("shared-password", ("oauthenticator", "nativeauthenticator")), ("oidc", ("nativeauthenticator",))],
)
def test_only_the_kind_in_use_is_imported(kind: str, unwanted: tuple[str, ...]) -> None:
    """A hub's start pays for no other kind."""
    code = (
        "import sys; from unit.hub.sign_in.kinds import KINDS, configured;"
        f"configured(KINDS[{kind!r}]); sys.exit(any(name in sys.modules for name in {unwanted!r}))"
    )
    tests = Path(__file__).parents[3]
    process.run([sys.executable, "-c", code], cwd=tests)


def test_proof_and_links_need_no_jupyterhub() -> None:
    """The command line imports them."""
    code = "import sys, hubfleet.plan.sign_in_proof, hubfleet.hub.sign_in.pages; sys.exit('jupyterhub' in sys.modules)"
    process.run([sys.executable, "-c", code])
