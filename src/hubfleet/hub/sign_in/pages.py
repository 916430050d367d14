"""What a hub's kind of sign-in adds to its pages. Imports no JupyterHub."""

from pathlib import Path

from hubfleet.model.base import StrictModel
from hubfleet.model.settings.hub import HubProgram

TEMPLATES = Path(__file__).parent / "templates"
"""Templates of our own pages; they extend the hub's `page.html`."""


class Link(StrictModel):
    """A page for the bar on top."""

    title: str
    path: str
    """Below the hub's own prefix, `/hub/`."""
    admins_only: bool = False


def links(program: HubProgram) -> tuple[Link, ...]:
    """Return the pages that people who are signed in may want."""
    if program.hub.sign_in.kind != "native":
        return ()
    return (
        Link(title="Accounts", path="authorize", admins_only=True),
        Link(title="Change password", path="change-password"),
    )
