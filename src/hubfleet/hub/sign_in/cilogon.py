"""Universities' own accounts through CILogon."""

from collections.abc import Callable
from typing import Any

from oauthenticator.cilogon import CILogonOAuthenticator
from traitlets import Dict, Unicode

from hubfleet.hub.sign_in import outside
from hubfleet.hub.sign_in.checked import Checked, Model
from hubfleet.hub.sign_in.outside import Outside
from hubfleet.model.settings.hub import HubProgram
from hubfleet.model.sign_in import CILogon as CILogonSettings
from hubfleet.model.sign_in import IdentityProvider


class CILogon(Outside, CILogonOAuthenticator):
    """CILogon, with the hub's own rules; oauthenticator's own can cut a domain off or put a prefix before, not both."""

    providers: dict[str, IdentityProvider] = Dict(help="The identity providers of the file.").tag(config=True)
    groups_claim = Unicode(help="The claim that lists groups, empty for none.").tag(config=True)

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """Name a person as the file says for their identity provider; people of another one are refused."""
        name = str(super().user_info_to_username(user_info))
        prefix = self.providers[user_info["idp"]].prefix
        return f"{prefix}:{name}" if prefix else name

    async def member(self, name: str, model: Model) -> bool:
        """Say whether the person is of a provider, and of a domain there, that the file lets in."""
        claims = model["auth_state"][self.user_auth_state_key]
        provider = self.providers.get(claims.get("idp"))
        if provider is None:
            return False
        local, _, domain = str(claims.get(provider.username_claim, "")).rpartition("@")
        return not provider.domains or (bool(local) and domain.lower() in provider.domains)

    def said_groups(self, auth_state: dict[str, Any]) -> Any:
        """Return the groups claim; some providers send it as one text with commas."""
        said = auth_state[self.user_auth_state_key].get(self.groups_claim) if self.groups_claim else ()
        return [word.strip() for word in said.split(",")] if isinstance(said, str) else said


def set_up(c: Any, program: HubProgram, secret: Callable[[str], str]) -> type[Checked]:
    """Set the identity providers."""
    sign_in = program.hub.sign_in
    assert isinstance(sign_in, CILogonSettings)
    outside.set_up(c, program, secret)
    c.CILogonOAuthenticator.idps = {entity: _naming(idp) for entity, idp in sign_in.identity_providers.items()}
    c.CILogon.providers = dict(sign_in.identity_providers)
    c.CILogon.groups_claim = sign_in.groups_claim
    return CILogon


def _naming(provider: IdentityProvider) -> dict[str, Any]:
    cut = {"action": "strip_idp_domain", "domain": provider.strip_domain} if provider.strip_domain else {}
    return {"username_derivation": {"username_claim": provider.username_claim, **cut}}
