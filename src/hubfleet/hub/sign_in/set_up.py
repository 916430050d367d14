"""Chooses and sets JupyterHub's authenticator for one hub; only the kind in use is imported."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from hubfleet.hub.sign_in.rights import Rights
from hubfleet.model.settings.hub import HubProgram

REFRESH_S = 300
"""How often rights are asked again where nobody outside has to be asked; JupyterHub's own default."""


def set_up(c: Any, program: HubProgram, secret: Callable[[str], str]) -> None:
    """Choose and set JupyterHub's authenticator.

    Args:
        c: JupyterHub's configuration object.
        program: what the hub's process knows.
        secret: reads a file of the hub's secrets folder, such as `shared-password`.
    """
    hub = program.hub
    c.Checked.rights = Rights.of(hub)
    c.Authenticator.admin_users = set(hub.admins)
    c.Authenticator.allow_all = hub.allow.everyone
    c.Authenticator.allowed_users = set(hub.allow.people)
    # JupyterHub's default lets everybody in who is in the database, whoever was taken off the list.
    c.Authenticator.allow_existing_users = False
    c.Authenticator.any_allow_config = True
    c.Authenticator.manage_groups = True
    c.Authenticator.auth_refresh_age = getattr(hub.sign_in, "refresh_minutes", REFRESH_S // 60) * 60
    c.Authenticator.auth_refresh_strict = True
    c.Authenticator.refresh_pre_spawn = False
    kind = import_module(f"hubfleet.hub.sign_in.{hub.sign_in.kind.replace('-', '_')}")
    c.JupyterHub.authenticator_class = kind.set_up(c, program, secret)
