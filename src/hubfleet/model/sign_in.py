"""How people prove who they are; told apart by `with:`."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import ConfigDict, Field, model_validator

from hubfleet.model.base import StrictModel
from hubfleet.model.secret import Secret
from hubfleet.model.text import EntityId, HostName, WebAddress, wrong


class _Kind(StrictModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)


class SharedPassword(_Kind):
    """One password for everybody and one for the admins, for classes and first steps; any name may be typed."""

    kind: Literal["shared-password"] = Field(alias="with")
    password: Secret | None = None
    """For everybody, at least 8 characters; without one it is generated at the first apply and shown by `up`."""
    admin_password: Secret | None = None
    """For the hub's admins, at least 32 characters; generated likewise."""


class Native(_Kind):
    """The hub keeps names and passwords itself; people sign up, and admins approve them."""

    kind: Literal["native"] = Field(alias="with")
    approval: bool = True
    """Whether an admin must approve who signs up; without, everybody on the internet can."""
    password_length_min: Annotated[int, Field(ge=8, le=200)] = 10
    """Characters of a password; NIST SP 800-63B asks for 8 at least."""
    attempts_max: Annotated[int, Field(ge=0, le=1000)] = 10
    """Wrong passwords before a name is locked for ten minutes; 0: no limit."""
    ask_email: bool = False
    """Whether the sign-up form asks for an e-mail address, for admins to know whom they approve."""


class _OAuth(_Kind):
    client_id: Annotated[str, Field(min_length=1)]
    """As the provider shows it; no secret."""
    client_secret: Secret
    """Reference to the provider's client secret."""
    refresh_minutes: Annotated[int, Field(ge=1, le=1440)] = 5
    """How often a signed-in person's rights are asked again; JupyterHub's own default of 5 minutes."""


class GitHub(_OAuth):
    """GitHub, or GitHub Enterprise."""

    kind: Literal["github"] = Field(alias="with")
    organizations: tuple[Annotated[str, Field(pattern=r"^[\w.-]+(:[\w.-]+)?$")], ...] = ()
    """Whose members may use the hub: `organization` or `organization:team`."""
    server: WebAddress = "https://github.com"
    """Address of a GitHub Enterprise server."""


class Google(_OAuth):
    """Google accounts."""

    kind: Literal["google"] = Field(alias="with")
    domains: tuple[HostName, ...] = ()
    """Domains (Google Workspace) whose people may use the hub; with one only, names lose their `@domain`."""


class IdentityProvider(StrictModel):
    """One of CILogon's identity providers and how people of it are named."""

    username_claim: str = "email"
    """The claim that names a person; must be unique and lasting at this provider."""
    domains: tuple[HostName, ...] = ()
    """Domains of that claim that may use the hub; empty: all of this provider's people."""
    strip_domain: HostName | None = None
    """A domain to cut off from names."""
    prefix: str = ""
    """Put before names with a `:`, so that two providers' people cannot meet under one name."""


class CILogon(_OAuth):
    """Universities' own accounts through CILogon."""

    kind: Literal["cilogon"] = Field(alias="with")
    identity_providers: Annotated[dict[EntityId, IdentityProvider], Field(min_length=1)]
    """By the entity id as https://cilogon.org/idplist/ lists it; people of others cannot sign in."""
    groups_claim: str = ""
    """The claim that lists a person's groups."""


class OpenIdConnect(_OAuth):
    """Any provider that speaks OpenID Connect, such as Keycloak."""

    kind: Literal["oidc"] = Field(alias="with")
    issuer: WebAddress | None = None
    """Address below which `/.well-known/openid-configuration` lies; or give the three addresses instead."""
    authorize_url: WebAddress | None = None
    """Where browsers go to sign in."""
    token_url: WebAddress | None = None
    """Where the hub exchanges codes."""
    userdata_url: WebAddress | None = None
    """Where the hub asks who it is."""
    name: str = "single sign-on"
    """What the button says after "Sign in with"."""
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    """What is asked for."""
    username_claim: str = "preferred_username"
    """The claim that names a person; must be unique and lasting."""
    groups_claim: str = ""
    """The claim that lists a person's groups; needed for groups `from: sign_in`."""

    @model_validator(mode="after")
    def _addresses(self) -> Self:
        three = (self.authorize_url, self.token_url, self.userdata_url)
        if self.issuer is None and None in three:
            raise wrong("the provider's address is missing", "give issuer, or authorize_url, token_url, userdata_url")
        if self.issuer is not None and any(three):
            raise wrong("the provider's address is given twice", "keep `issuer`, or the three addresses")
        return self


SignIn: TypeAlias = Annotated[
    SharedPassword | Native | GitHub | Google | CILogon | OpenIdConnect, Field(discriminator="kind")
]
