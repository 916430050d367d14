"""How a hub looks."""

from hubfleet.model.base import StrictModel
from hubfleet.model.text import Colour, FleetPath, WebAddress


class Branding(StrictModel):
    """Logo, colour and words of a hub's pages."""

    logo: FleetPath | None = None
    """An SVG or PNG file; None: JupyterHub's own."""
    colour: Colour = "#b8470f"
    """The accent of buttons and links; Jupyter's orange, dark enough for white text (contrast AA)."""
    welcome: str = ""
    """Plain text above the sign-in button."""
    website: WebAddress | None = None
    """Where the logo leads; None: the hub's start page."""
    help: WebAddress | None = None
    """Where people find help; shown in the menu and on error pages."""
