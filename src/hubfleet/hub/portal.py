"""The portal as JupyterHub knows it: a service with OAuth that each of the hub's people may use."""

from collections.abc import Callable
from typing import Any

from hubfleet.hub import roles
from hubfleet.model.settings.hub import HubProgram

SERVICE = "portal"
CALLBACK = "/services/portal/oauth_callback"
OPERATOR = "hubfleet-operator"
"""The service by which the command line asks the portal, such as for a build."""
ACCESS = f"access:services!service={SERVICE}"


def set_up(c: Any, program: HubProgram, secret: Callable[[str], str]) -> None:
    """Register the portal, and the command line as one that may call it.

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
        # by this scope in a person's session the portal knows an admin; others have sessions without it
        "oauth_client_allowed_scopes": ["admin-ui"],
        "display": False,
        # a portal that is down holds the hub's own start up for no longer
        "timeout": 1,
    }
    roles.add_service(c, service, ())
    roles.add_service(c, {"name": OPERATOR, "api_token": secret("operator-token"), "display": False}, (ACCESS,))


def open_to_people(c: Any) -> None:
    """Let everybody of the hub use the portal; called last, since an operator's own settings may give scopes too."""
    given = c.JupyterHub.get("extra_user_scopes", ())
    c.JupyterHub.extra_user_scopes = {*(given if isinstance(given, list | set | tuple | frozenset) else ()), ACCESS}
