"""The document that plan writes for one hub's portal and `hubfleet.portal` reads at its start.

It holds no secret: only the paths of the files that do.
"""

from typing import Annotated

from pydantic import Field

from hubfleet.model.base import StrictModel
from hubfleet.model.branding import Branding
from hubfleet.model.features import Anonymous, CondaFrom
from hubfleet.model.repositories import RepositoryPattern
from hubfleet.model.settings.hub import AgentAddress

TOKEN_FILE = "portal-token"  # noqa: S105 - a file's name
"""In the secrets folder: the service's API token at JupyterHub, which is its OAuth client secret too."""
COOKIE_FILE = "portal-cookie"
"""In the secrets folder: 64 hex digits, from which the keys for cookies follow. A new one signs everybody out."""


class PortalSettings(StrictModel):
    """All that one hub's portal needs to know."""

    fleet: str
    hub: str
    """The hub's name."""
    title: str
    """The hub's name for people."""
    branding: Branding = Branding()
    """Colour and words; the logo itself is served by the hub."""
    own_logo: bool = False
    """Whether the hub has a logo of its own."""
    announcement: str = ""
    """Plain text on top of each page."""
    staging_for: str = ""
    """The hub of which this one is the rehearsal; empty: none."""
    public_url: str
    """Scheme, host and port that browsers use, such as `http://ocean.localhost:8000`."""
    bind_port: Annotated[int, Field(ge=1, le=65535)]
    """Port on 127.0.0.1 where the portal listens."""
    hub_api: str
    """JupyterHub's REST API as the portal dials it: `http://127.0.0.1:PORT/hub/api`."""
    agents: Annotated[tuple[AgentAddress, ...], Field(min_length=1)]
    """The hub's clusters; builds run on the first where nobody names one."""
    profiles: dict[str, str] = {}
    """The hub's profiles, in order, and what people call them."""
    named_servers: int = 0
    """How many servers a person may run at once beside the default one."""
    conda: CondaFrom = "channels-or-pypi"
    """Where the conda packages of an environment.yml are from."""
    repositories: tuple[RepositoryPattern, ...] = ()
    """Which repositories are built; empty: any."""
    blocked_repositories: tuple[RepositoryPattern, ...] = ()
    """Which never are."""
    anonymous: Anonymous | None = None
    """Temporary servers for people who do not sign in; None: they get none."""
    folder: str
    """The portal's own folder."""
    database: str = ""
    """SQLAlchemy URL of the records; empty: `records.sqlite` below the folder."""
    secrets: str
    """Folder of the files `portal-token` and `portal-cookie`."""

    @property
    def database_url(self) -> str:
        """Where the records are."""
        return self.database or f"sqlite:///{self.folder}/records.sqlite"
