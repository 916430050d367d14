"""Who may do what in JupyterHub's own terms: the hub's roles, and the services that hubfleet itself needs."""

from collections.abc import Sequence
from typing import Any

from hubfleet.model.access import PROMOTE
from hubfleet.model.settings.hub import HubProgram

CHECK_USER = "hubfleet-check"
"""The person whose server proves a hub; cannot sign in, counts in no quota and no usage."""
CHECK_SERVICE = "hubfleet-check"
CHECK_SCOPES = tuple(
    f"{scope}!user={CHECK_USER}"
    for scope in ("admin:users", "servers", "tokens", "access:servers", "read:users", "delete:servers")
)


def set_up(c: Any, program: HubProgram, *, check_token: str) -> None:
    """Give the hub's roles, and the service by which a proof reaches only its own user."""
    for name, role in program.hub.roles.items():
        add_role(
            c,
            {
                "name": name,
                "description": role.description,
                "scopes": list(role.scopes),
                "users": list(role.people),
                "groups": list(role.groups),
            },
        )
    add_service(c, {"name": CHECK_SERVICE, "api_token": check_token, "display": False}, CHECK_SCOPES)


def define_scopes(c: Any) -> None:
    """Make hubfleet's own scopes known to JupyterHub; called last, since an operator's own settings may define some."""
    given = c.JupyterHub.get("custom_scopes", {})
    own = {PROMOTE: {"description": "Give the hub's profiles other environments."}}
    c.JupyterHub.custom_scopes = {**(given if isinstance(given, dict) else {}), **own}


def add_role(c: Any, role: dict[str, Any]) -> None:
    """Add a role to the configuration."""
    c.JupyterHub.load_roles = [*_given(c, "load_roles"), role]


def add_service(c: Any, service: dict[str, Any], scopes: Sequence[str]) -> None:
    """Add a service, and the role that gives it its scopes."""
    c.JupyterHub.services = [*_given(c, "services"), service]
    add_role(c, {"name": f"service-{service['name']}", "scopes": list(scopes), "services": [service["name"]]})


def _given(c: Any, trait: str) -> list[Any]:
    """Return what a list of JupyterHub's configuration has so far."""
    value = c.JupyterHub.get(trait, [])
    return list(value) if isinstance(value, list) else []
