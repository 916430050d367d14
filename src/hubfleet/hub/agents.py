"""What a hub knows of the servers on one cluster: a list kept in step with the agent's, which answers at once.

The list outlives an agent that does not answer: what was known stays known, and is called unknown, never gone.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum

from hubfleet._kit.clock import Clock, SystemClock
from hubfleet.errors import ProtocolError, TemporaryError
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.messages import Event, Server, ServerState

_log = logging.getLogger(__name__)

RECONNECT_S = 1.0
WHOLE_LIST_S = 60.0


class Seen(Enum):
    """What the hub may conclude about a server."""

    LIVE = "live"
    GONE = "gone"
    UNKNOWN = "unknown"


class AgentLink:
    """The hub's end of the line to one agent."""

    def __init__(self, cluster: str, client: AgentClient, *, clock: Clock | None = None) -> None:
        self.cluster = cluster
        self.client = client
        self.on_end: Callable[[str], None] = lambda _server: None
        """Called with a server's id when it has ended."""
        self.on_list: Callable[[frozenset[str]], None] = lambda _servers: None
        """Called with the ids of all live servers after each whole and trustworthy list."""
        self._clock = clock or SystemClock()
        self._servers: dict[str, Server] = {}
        self._whole = False
        self._seq = 0
        self._readers: dict[str, set[asyncio.Queue[Event]]] = {}

    def server(self, server: str) -> Server | None:
        """Return the last known state of a server."""
        return self._servers.get(server)

    def seen(self, server: str) -> Seen:
        """Say whether a server lives; what no whole list ever told of is unknown."""
        known = self._servers.get(server)
        if known is not None:
            return Seen.LIVE if known.state.live else Seen.GONE
        return Seen.GONE if self._whole else Seen.UNKNOWN

    def note(self, server: Server) -> None:
        """Take an agent's direct answer about one server into the list."""
        self._servers[server.id] = server

    async def follow(self) -> None:
        """Keep the list in step, for ever: a whole list first and each minute, events in between."""
        while True:
            try:
                await self._read_list()
                async with asyncio.timeout(WHOLE_LIST_S):
                    async for event in self.client.events(since=self._seq):
                        self._take(event)
            except TimeoutError:
                continue
            except (ProtocolError, TemporaryError) as error:
                _log.warning("cluster %s: %s", self.cluster, error)
            await self._clock.sleep(RECONNECT_S)

    @asynccontextmanager
    async def events(self, server: str) -> AsyncIterator["asyncio.Queue[Event]"]:
        """Give the events of one server as they come, from now on."""
        queue: asyncio.Queue[Event] = asyncio.Queue(maxsize=1000)
        readers = self._readers.setdefault(server, set())
        readers.add(queue)
        try:
            yield queue
        finally:
            readers.discard(queue)
            if not readers:
                self._readers.pop(server, None)

    async def _read_list(self) -> None:
        answer = await self.client.servers()
        self._seq = answer.seq
        if not answer.complete:
            for server in answer.servers:
                self._servers[server.id] = server
            return
        before, self._servers = self._servers, {server.id: server for server in answer.servers}
        self._whole = True
        for name, known in before.items():
            if known.state.live and self.seen(name) is Seen.GONE:
                self._ended(name)
        for name in set(self._readers) & set(self._servers):
            self._tell(_as_event(self._servers[name]))
        if answer.cluster_ok:
            self.on_list(frozenset(item.id for item in answer.servers if item.state.live))

    def _take(self, event: Event) -> None:
        self._seq = max(self._seq, event.seq)
        known = self._servers.get(event.server)
        if known is not None:
            changes = {
                "state": event.state,
                "progress": event.progress,
                "message": event.message,
                "reason": event.reason,
                "seq": event.seq,
            }
            self._servers[event.server] = known.model_copy(update=changes)
        self._tell(event)
        if event.state in {ServerState.STOPPED, ServerState.FAILED}:
            self._ended(event.server)

    def _tell(self, event: Event) -> None:
        for queue in self._readers.get(event.server, ()):
            if not queue.full():
                queue.put_nowait(event)

    def _ended(self, server: str) -> None:
        self.on_end(server)


def _as_event(server: Server) -> Event:
    """Return a server's state as the event that a broken line may have lost."""
    return Event(
        seq=server.seq,
        server=server.id,
        at=server.changed_at or server.generation,
        state=server.state,
        progress=server.progress,
        message=server.message,
        reason=server.reason,
    )
