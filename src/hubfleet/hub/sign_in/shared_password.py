"""One password for everybody and one for the admins."""

from collections.abc import Callable
from secrets import compare_digest
from typing import Any

from jupyterhub.authenticators.shared import SharedPasswordAuthenticator

from hubfleet.hub.sign_in.checked import Checked, Model
from hubfleet.model.settings.hub import HubProgram


class _AnyLetters(SharedPasswordAuthenticator):
    """JupyterHub's own, which fails with an error on letters beyond ASCII and on a form without its fields."""

    async def authenticate(self, handler: Any, data: dict[str, str]) -> Model | None:
        name, given = self.normalize_username(data.get("username", "")), data.get("password", "")
        wanted = self.admin_password if name in self.admin_users else self.user_password
        if not wanted or not compare_digest(given.encode(errors="replace"), wanted.encode()):
            return None
        return {"name": name}


class SharedPassword(Checked, _AnyLetters):
    """JupyterHub's shared password, with the hub's own rules."""


def set_up(c: Any, program: HubProgram, secret: Callable[[str], str]) -> type[Checked]:
    """Set the passwords."""
    c.SharedPasswordAuthenticator.user_password = secret("shared-password")
    c.SharedPasswordAuthenticator.admin_password = secret("admin-password")
    return SharedPassword
