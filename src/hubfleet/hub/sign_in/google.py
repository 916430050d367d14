"""Google accounts."""

from collections.abc import Callable
from typing import Any

from oauthenticator.google import GoogleOAuthenticator
from oauthenticator.oauth2 import OAuthenticator
from traitlets import List, Unicode

from hubfleet.hub.sign_in import outside
from hubfleet.hub.sign_in.checked import Checked, Model
from hubfleet.hub.sign_in.outside import Outside
from hubfleet.model.settings.hub import HubProgram
from hubfleet.model.sign_in import Google as GoogleSettings


class Google(Outside, GoogleOAuthenticator):
    """Google, with the hub's own rules.

    oauthenticator locks out whoever is of another domain, even by name; here domains let people in, beside `allow:`.
    What counts is Google's claim `hd`, not the address: anybody can have an account with an address of any domain.
    """

    domains: list[str] = List(Unicode(), help="Whose people are let in.").tag(config=True)

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """Return the address; for the only domain's own people, without it."""
        address = str(user_info["email"])
        local, _, domain = address.rpartition("@")
        user_info["domain"] = domain.lower()
        only = self.domains[0] if len(self.domains) == 1 else None
        return local if only and self._domain(user_info) == only == domain.lower() else address

    def check_blocked_users(self, username: str, authentication: Model | None = None) -> bool:
        """Refuse who has not verified the address, whatever lets them in."""
        claims = (authentication or {}).get("auth_state", {}).get(self.user_auth_state_key, {})
        verified = claims.get("verified_email", claims.get("email_verified")) is True
        return verified and super().check_blocked_users(username, authentication)

    async def member(self, name: str, model: Model) -> bool:
        """Say whether the person belongs to one of the file's domains."""
        return self._domain(model["auth_state"][self.user_auth_state_key]) in self.domains

    @staticmethod
    def _domain(claims: dict[str, Any]) -> str:
        return str(claims.get("hd") or "").lower()


def set_up(c: Any, program: HubProgram, secret: Callable[[str], str]) -> type[Checked]:
    """Set the domains, and ask for a refresh token, which Google gives at a person's first sign-in only."""
    sign_in = program.hub.sign_in
    assert isinstance(sign_in, GoogleSettings)
    outside.set_up(c, program, secret, scope=["openid", "email"])
    c.Google.domains = list(sign_in.domains)
    c.GoogleOAuthenticator.hosted_domain = []
    c.OAuthenticator.extra_authorize_params = {"access_type": "offline"}
    c.Authenticator.reconcile_auth_state_hook = keep_refresh_token
    return Google


def keep_refresh_token(
    authenticator: OAuthenticator, model: Model, kept: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Carry the refresh token over to a sign-in that brought none."""
    fresh: dict[str, Any] | None = model.get("auth_state")
    if fresh and kept and not fresh.get("refresh_token"):
        return {**fresh, "refresh_token": kept.get("refresh_token")}
    return fresh
