"""The portal as JupyterHub knows it: a service with OAuth that each of the hub's people may use."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from hubfleet.hub import roles
from hubfleet.hub.document import PortalDocument
from hubfleet.model import guests
from hubfleet.model.access import PROMOTE
from hubfleet.model.settings.hub import HubProgram
from hubfleet.protocol.portal_api import PortalApi

SERVICE = "portal"
CALLBACK = "/services/portal/oauth_callback"
OPERATOR = "hubfleet-operator"
"""The service by which the command line asks the portal, such as for a build."""
HUB = "hubfleet-hub"
"""The service by which the hub's own process asks the portal which environments its people have."""
TOKEN = "hub-token"  # noqa: S105 - a file's name
"""In the secrets folder: that service's API token."""
PROMOTERS = "hubfleet-promoters"
"""The role of the hub's admins beside their own."""
ACCESS = f"access:services!service={SERVICE}"
OVER_GUESTS = tuple(
    f"{scope}!user={guests.name(place)}"
    for place in range(1, guests.PLACES_MAX + 1)
    for scope in ("admin:users", "servers", "tokens")
)
"""The portal's own rights: over temporary users, and nobody else. It has them where there are none now, too, since some
may be left of yesterday's settings."""


def set_up(c: Any, program: HubProgram, secret: Callable[[str], str]) -> None:
    """Register the portal, and the command line and the hub's own process as those that may call it.

    Args:
        c: JupyterHub's configuration object.
        program: of the hub.
        secret: reads one of the hub's secrets.
    """
    service = {
        "name": SERVICE,
        "url": program.portal_url,
        "api_token": secret("portal-token"),
        "oauth_no_confirm": True,
        # on the hub's own host, also where people have hosts of their own
        "oauth_redirect_uri": CALLBACK,
        # by these in a person's session the portal knows an admin, and who may promote; others' have neither
        "oauth_client_allowed_scopes": ["admin-ui", PROMOTE],
        "display": False,
        # a portal that is down holds the hub's own start up for no longer
        "timeout": 1,
    }
    roles.add_service(c, service, OVER_GUESTS)
    # where BinderHubs that are services of a hub are, and their clients look
    binder = {"name": "binder", "url": program.portal_url, "api_token": secret("binder-token"), "display": False}
    roles.add_service(c, {**binder, "timeout": 1}, ())
    for name, token, scopes in ((OPERATOR, "operator-token", (ACCESS, PROMOTE)), (HUB, TOKEN, (ACCESS,))):
        roles.add_service(c, {"name": name, "api_token": secret(token), "display": False}, scopes)
    if program.hub.admins:
        # admins may promote anyway; this lets them make tokens that may do nothing else
        roles.add_role(c, {"name": PROMOTERS, "scopes": [PROMOTE], "users": list(program.hub.admins)})


def api(program: HubProgram, secret: Callable[[str], str]) -> PortalApi | None:
    """Return how the hub asks its portal; None: it has none."""
    return PortalApi(program.portal_url, SecretStr(secret(TOKEN))) if program.portal_url else None


def document(program: HubProgram, api: PortalApi | None) -> PortalDocument | None:
    """Return what the portal tells the hub, kept below the hub's folder; None: the hub has no portal."""
    return None if api is None else PortalDocument(Path(program.folder) / "portal.json", api)


def open_to_people(c: Any) -> None:
    """Let everybody of the hub use the portal; called last, since an operator's own settings may give scopes too."""
    given = c.JupyterHub.get("extra_user_scopes", ())
    c.JupyterHub.extra_user_scopes = {*(given if isinstance(given, list | set | tuple | frozenset) else ()), ACCESS}
