"""What all spawners of one hub's process share; made in `configure`, bound to the class that JupyterHub gets."""

import asyncio
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from hubfleet._kit import names
from hubfleet.hub.agents import AgentLink
from hubfleet.hub.document import PortalDocument
from hubfleet.hub.stops import Stops
from hubfleet.model.settings.hub import HubProgram
from hubfleet.protocol.messages import Server
from hubfleet.protocol.portal_api import PortalApi


class OwnSpawner(Protocol):
    """What is needed here of `AgentSpawner`."""

    name: str
    """The server's name; empty: the default one."""
    user: Any
    """Whose it is."""

    @property
    def server_id(self) -> str:
        """The server's lasting id."""

    @property
    def active(self) -> bool:
        """Whether JupyterHub counts it as running, or about to."""

    @property
    def ready(self) -> bool:
        """Whether it answered."""

    @property
    def repository(self) -> str:
        """The address of the repository whose files it has; empty: of none."""

    async def poll_and_notify(self) -> int | None:
        """Let JupyterHub look at once."""


@dataclass
class HubContext:
    """One hub's process."""

    settings: HubProgram
    links: Mapping[str, AgentLink]
    stops: Stops
    document: PortalDocument | None = None
    """What the portal tells; None: the hub has no portal."""
    portal: PortalApi | None = None
    """The portal itself; None: the hub has none."""
    spawners: "weakref.WeakSet[OwnSpawner]" = field(default_factory=weakref.WeakSet)
    tasks: set["asyncio.Future[Any]"] = field(default_factory=set)

    def keep(self, task: "asyncio.Future[Any]") -> None:
        """Hold a background task until it is done (the loop itself holds tasks weakly)."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def known(self) -> frozenset[str]:
        """Return the ids of all servers that JupyterHub counts as running, or is about to."""
        return frozenset(spawner.server_id for spawner in self.spawners if spawner.active)

    def others(self, server: str) -> list[OwnSpawner]:
        """Return one spawner for each other server that runs, or is about to; JupyterHub replaces those that failed."""
        active = {spawner.server_id: spawner for spawner in self.spawners if spawner.active}
        return [spawner for other, spawner in active.items() if other != server]

    def ended(self, server: str) -> None:
        """Tell JupyterHub at once that a server has ended, rather than at its next poll."""
        for spawner in list(self.spawners):
            if spawner.server_id == server and spawner.ready:
                self.keep(asyncio.ensure_future(spawner.poll_and_notify()))

    def last_end(self, user: Any, server_name: str) -> Server | None:
        """Return how a person's server ended last, for the page that offers to start it again."""
        server = names.server_id(self.settings.uuid, user.orm_user.id, server_name or "")
        found = [link.server(server) for link in self.links.values()]
        ended = [item for item in found if item is not None and not item.state.live]
        return max(ended, key=lambda item: item.generation, default=None)
