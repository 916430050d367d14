"""The look of a hub's pages: JupyterHub's templates, extended, with the hub's own title, logo, colour and words."""

from pathlib import Path
from typing import Any

from markupsafe import escape

from hubfleet.hub.context import HubContext
from hubfleet.hub.sign_in import pages
from hubfleet.model.settings.hub import HubProgram

TEMPLATES = Path(__file__).parents[1] / "pages" / "templates"


def set_up(c: Any, program: HubProgram) -> None:
    """Point JupyterHub at our templates and tell them what they need."""
    context: HubContext = c.JupyterHub.spawner_class.context
    hub = program.hub
    c.JupyterHub.template_paths = [str(TEMPLATES)]
    c.JupyterHub.template_vars = {
        "named_servers": program.hub.named_servers,
        "hub_title": hub.title,
        "hub_colour": hub.branding.colour,
        "hub_welcome": hub.branding.welcome,
        "hub_help": hub.branding.help or "",
        "hub_website": hub.branding.website or "",
        "hub_own_logo": bool(program.logo),
        "hub_staging_for": hub.twin_of,
        "hub_portal": "/services/portal/" if program.portal_url else "",
        "sign_in_pages": pages.links(program),
        "announcement": str(escape(hub.announcement)),
        # JupyterHub calls what is callable here with the person who looks
        "last_end": lambda user: lambda server_name: context.last_end(user, server_name) if user else None,
    }
    if program.logo:
        c.JupyterHub.logo_file = program.logo
