"""What must be seen from outside where a hub's sign-in works; nobody signs in for it. Imports no JupyterHub."""

from urllib.parse import urlsplit

from hubfleet.model.base import StrictModel
from hubfleet.model.settings.hub import HubProgram
from hubfleet.model.sign_in import CILogon, GitHub, Google, OpenIdConnect

LOGIN_PAGE = "/hub/login"
OAUTH_START = "/hub/oauth_login"
CALLBACK = "/hub/oauth_callback"


class Redirect(StrictModel):
    """Where the hub must send a browser that begins to sign in."""

    start: str = OAUTH_START
    """Path of the hub that answers 302 with the provider's address in `Location`."""
    host: str
    """Host, and port where one is given, of that address; empty where only the issuer knows it."""
    client_id: str
    """Its parameter `client_id`."""
    redirect_uri: str
    """Its parameter `redirect_uri`: the hub's own address, as the provider has it registered."""
    code_challenge_method: str = "S256"
    """Its parameter of this name (PKCE)."""


class SignInProof(StrictModel):
    """What a proof of a hub's sign-in looks for."""

    page: str = LOGIN_PAGE
    """Path of the sign-in page, which answers 200."""
    contains: tuple[str, ...]
    """Texts that stand in the page."""
    redirect: Redirect | None = None
    """For OAuth only."""


def proof(program: HubProgram) -> SignInProof:
    """Return what must be seen of a hub's sign-in."""
    sign_in = program.hub.sign_in
    match sign_in:
        case GitHub():
            address = sign_in.server
        case Google():
            address = "https://accounts.google.com"
        case CILogon():
            address = "https://cilogon.org"
        case OpenIdConnect():
            address = sign_in.authorize_url or ""
        case _:
            more = (f"{LOGIN_PAGE.removesuffix('login')}signup",) if sign_in.kind == "native" else ()
            return SignInProof(contains=('name="username"', 'name="password"', *more))
    redirect = Redirect(
        host=urlsplit(address).netloc,
        client_id=sign_in.client_id,
        redirect_uri=f"{program.public_url}{CALLBACK}",
    )
    return SignInProof(contains=(OAUTH_START,), redirect=redirect)
