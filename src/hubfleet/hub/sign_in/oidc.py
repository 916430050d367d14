"""Any provider that speaks OpenID Connect; an issuer's addresses are read there when they are first needed."""

import asyncio
from collections.abc import Callable
from typing import Any

from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.oauth2 import OAuthLoginHandler
from tornado.httpclient import HTTPClientError
from tornado.web import HTTPError
from traitlets import Unicode

from hubfleet.hub.sign_in import outside
from hubfleet.hub.sign_in.checked import Checked, Model
from hubfleet.hub.sign_in.outside import Outside
from hubfleet.model.settings.hub import HubProgram
from hubfleet.model.sign_in import OpenIdConnect

_ENDPOINTS = {
    "authorize_url": "authorization_endpoint",
    "token_url": "token_endpoint",
    "userdata_url": "userinfo_endpoint",
}


class _LoginHandler(OAuthLoginHandler):
    async def get(self) -> None:
        await self.authenticator.discover()
        super().get()


class Oidc(Outside, GenericOAuthenticator):
    """OpenID Connect, with the hub's own rules."""

    login_handler = _LoginHandler
    issuer = Unicode(help="Where the provider's addresses are read; empty where they are given.").tag(config=True)
    groups_claim = Unicode(help="The claim that lists groups, with `.` between levels; empty for none.").tag(
        config=True
    )

    async def discover(self) -> None:
        """Read the provider's addresses, once.

        Raises:
            HTTPError: 503, the issuer does not answer, or answers for somebody else (OpenID Connect Discovery, 4.3).
        """
        if not self.issuer or self.userdata_url:
            return
        address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            async with asyncio.timeout(20):
                found = await self.httpfetch(address, "reading the issuer's addresses")
            if found["issuer"].rstrip("/") != self.issuer.rstrip("/"):
                raise ValueError(f"it says that it is {found['issuer']!r}")
            read = {trait: str(found[key]) for trait, key in _ENDPOINTS.items()}
        except (HTTPClientError, OSError) as error:
            self.log.error("%s does not answer: %s", address, error)
            raise self.away() from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.log.error("%s is no description of the issuer %s: %r", address, self.issuer, error)
            raise HTTPError(503, f"{self.login_service} is not set up rightly; the admins must look.") from error
        for trait, value in read.items():
            setattr(self, trait, value)

    async def authenticate(self, handler: Any, data: Any = None, **more: Any) -> Model | None:
        """Sign in, also where the hub was restarted while the person was at the provider."""
        await self.discover()
        return await super().authenticate(handler, data, **more)

    async def prove_again(self, user: Any, handler: Any) -> Model | None:
        """Refresh, also as the first thing after a restart."""
        try:
            await self.discover()
        except HTTPError:
            return await self.remembered(user)
        return await super().prove_again(user, handler)

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """Return the claim that names a person; an address that the provider has not verified names nobody."""
        if self.username_claim == "email" and user_info.get("email_verified") is False:
            raise ValueError("the e-mail address is not verified")
        return str(super().user_info_to_username(user_info))

    def said_groups(self, auth_state: dict[str, Any]) -> Any:
        """Return the groups claim."""
        found: Any = auth_state.get(self.user_auth_state_key)
        for level in self.groups_claim.split(".") if self.groups_claim else ("",):
            found = found.get(level) if isinstance(found, dict) else None
        return found


def set_up(c: Any, program: HubProgram, secret: Callable[[str], str]) -> type[Checked]:
    """Set the provider's addresses, or the issuer that knows them, and its claims."""
    sign_in = program.hub.sign_in
    assert isinstance(sign_in, OpenIdConnect)
    outside.set_up(c, program, secret, scope=dict.fromkeys(("openid", *sign_in.scopes)))
    c.GenericOAuthenticator.login_service = sign_in.name
    c.GenericOAuthenticator.username_claim = sign_in.username_claim
    c.GenericOAuthenticator.authorize_url = sign_in.authorize_url or ""
    c.GenericOAuthenticator.token_url = sign_in.token_url or ""
    c.GenericOAuthenticator.userdata_url = sign_in.userdata_url or ""
    c.Oidc.issuer = sign_in.issuer or ""
    c.Oidc.groups_claim = sign_in.groups_claim
    return Oidc
