"""Settings of programs, which plan writes and nobody else has to."""

from hubfleet.model.hub import Hub
from hubfleet.model.program import Program
from hubfleet.model.settings.acme import AcmeSettings
from hubfleet.model.settings.agent import AgentSettings
from hubfleet.model.settings.hub import HubProgram
from hubfleet.model.settings.portal import PortalSettings
from hubfleet.model.settings.routes import RoutesSettings
from hubfleet_docs.models import sections, within

_INTRO = """# Settings of programs

`hubfleet apply` writes these documents; each program reads its own at its start. You do not write them. They are
listed for those who run a program by itself, or look into `programs/NAME/settings.json` of the data folder. None of
them holds a secret.
"""


def page() -> str:
    """Return the page."""
    parts = [_INTRO]
    for title, model, prefix, skip in (
        ("A program, as the supervisor keeps it up", Program, "program", []),
        ("Agent: `python -m hubfleet.agent SETTINGS`", AgentSettings, "agent", []),
        ("Routes and proxy: `python -m hubfleet.routes SETTINGS`", RoutesSettings, "routes", []),
        ("Certificates: `python -m hubfleet.routes.acme SETTINGS`", AcmeSettings, "acme", []),
        ("Hub: `hubfleet.hub.configure(c, SETTINGS)`", HubProgram, "hubprogram", within(Hub)),
        ("Portal: `python -m hubfleet.portal SETTINGS`", PortalSettings, "portal", []),
    ):
        body = sections(model, prefix=prefix, level=3, skip=frozenset(skip))
        body = body.replace("(#hubprogram-hub)", "(#hub-hubfile)")
        parts.append(f"## {title}\n\n{body}")
    return "\n".join(parts)
