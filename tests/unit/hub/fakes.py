"""An agent of dictionaries, as a hub sees it through `AgentClient`."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from hubfleet.errors import RefusedError, UnreachableError
from hubfleet.protocol.messages import Event, Server, ServerList, ServerState, StopReason

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def server(name: str = "s1", state: ServerState = ServerState.RUNNING, **changes: object) -> Server:
    """Return a server as an agent lists it."""
    return Server.model_validate(
        {"id": name, "hub": "ocean", "person": "ana", "generation": NOW, "state": state, **changes}
    )


def event(name: str, state: ServerState, seq: int) -> Event:
    """Return a step of a server's life."""
    return Event(seq=seq, server=name, at=NOW, state=state)


class FakeAgent:
    """Answers from what the test put in; `away` refuses everything."""

    def __init__(self, *servers: Server) -> None:
        self.servers_now = list(servers)
        self.complete = True
        self.cluster_ok = True
        self.away = False
        self.refuses = 0
        self.coming: list[Event] = []
        self.stopped: list[tuple[str, StopReason]] = []

    async def servers(self, *, since: int = 0) -> ServerList:
        self._answer()
        return ServerList(servers=self.servers_now, seq=1, complete=self.complete, cluster_ok=self.cluster_ok)

    async def events(self, *, since: int = 0, server: str = "") -> AsyncIterator[Event]:
        self._answer()
        for item in self.coming:
            yield item

    async def stop_server(self, name: str, reason: StopReason, *, generation: datetime | None = None) -> Server:
        self._answer()
        self.stopped.append((name, reason))
        return server(name, ServerState.STOPPING)

    def _answer(self) -> None:
        if self.away:
            raise UnreachableError("the agent does not answer")
        if self.refuses:
            raise RefusedError("no", status=self.refuses)
