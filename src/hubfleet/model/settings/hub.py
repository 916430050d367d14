"""The document that plan writes for one hub and `hubfleet.hub.configure` reads at its start.

It holds no secret: only the paths of the files that do.
"""

from uuid import UUID

from hubfleet.model.base import StrictModel
from hubfleet.model.hub import Hub


class AgentAddress(StrictModel):
    """How a hub reaches one cluster's agent."""

    cluster: str
    title: str
    """The cluster's name for people."""
    address: str
    """`unix:/path` or a URL."""
    key: str
    """Path of this hub's private key for commands to that agent."""


class HubProgram(StrictModel):
    """All that one hub's process needs to know."""

    fleet: str
    uuid: UUID
    """The hub's lasting id, from which its servers' ids follow."""
    hub: Hub
    public_url: str
    """Scheme, host and port that browsers use, such as `http://ocean.localhost:8000`."""
    user_subdomains: bool
    bind_port: int
    """Port on 127.0.0.1 where the hub itself listens."""
    routes_url: str
    """Where `routes` offers configurable-http-proxy's REST API."""
    agents: tuple[AgentAddress, ...]
    folder: str
    """The hub's own folder: database, log of stops to come, remembered choices."""
    database: str
    """SQLAlchemy URL; by default a file below the folder. A URL with a password is a path to a file that holds it."""
    secrets: str
    """Folder of the hub's secrets: cookie, crypt, tokens, the agent's key, passwords and what the fleet gives."""
    python_file: str = ""
    """Path of the operator's own configuration file, empty for none."""
    culled: bool = True
    """Whether the idle culler runs beside it."""
    portal_url: str = ""
    """Where the portal listens, such as http://127.0.0.1:8100; empty: the hub has none."""
    logo: str = ""
    """Path of the logo, empty for JupyterHub's own."""
