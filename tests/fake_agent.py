"""An agent wired with fakes: no process, no network, no real time. What 'the cluster' has outlives each agent."""

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio

from hubfleet._kit.clock import Clock
from hubfleet.agent import app
from hubfleet.agent.app import Agent
from hubfleet.agent.launchers import inside
from hubfleet.agent.launchers.base import LauncherState
from hubfleet.agent.records import Record
from hubfleet.model.settings.agent import AgentSettings
from hubfleet.protocol.messages import Server, ServerRequest, ServerState, StopReason, StopRequest
from hubfleet.testing.clock import FakeClock
from hubfleet.testing.launchers import FakeLauncher

START = datetime(2026, 1, 1, tzinfo=UTC)
INSIDE = inside.Setting(
    as_root=True,
    python_prefix=Path("/usr"),
    own_network=True,
    name_servers=(),
    hub_address=lambda address, port: f"{address}:{port}",
)
"""A machine where each server has a network of its own."""


def number(person: str = "ann") -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, person))


def wanted(person: str = "ann", *, after_s: float = 0, **more: object) -> ServerRequest:
    document: dict[str, object] = {
        "hub": "ocean",
        "person": person,
        "generation": START + timedelta(seconds=after_s),
        "secrets": {"api_token": f"token-{person}-{after_s:g}"},
    }
    return ServerRequest.model_validate(document | more)


class FakeSoftware:
    """Has every environment at once."""

    async def prefix(self, environment: str, progress: object) -> Path:
        return Path("/software")

    def layer(self, environment: str) -> None:
        """Nothing lies over the system."""


@dataclass
class World:
    """What outlives an agent: its data folder and the cluster."""

    folder: Path
    cluster: dict[str, LauncherState] = field(default_factory=dict)
    answering: bool = True
    clock: Clock = field(default_factory=FakeClock)
    settings: dict[str, object] = field(default_factory=dict)

    def document(self) -> AgentSettings:
        hubs = [{"name": "ocean", "port": 1111, "folders": [{"name": "data"}]}, {"name": "maths", "port": 2222}]
        plain = {"fleet": "f", "cluster": "here", "socket": "/none", "data": str(self.folder), "hubs": hubs}
        return AgentSettings.model_validate(plain | {"sandbox": "none", "launcher": "process"} | self.settings)

    @asynccontextmanager
    async def agent(self, launcher: FakeLauncher | None = None) -> AsyncIterator["Running"]:
        launcher = launcher or FakeLauncher(self.cluster)
        settings = self.document()
        app.prepare_folders(settings)

        async def probe(url: str, path: str) -> bool:
            return self.answering

        async with app.wired(
            settings, launcher=launcher, software=FakeSoftware(), probe=probe, clock=self.clock
        ) as agent:
            yield Running(self, agent, launcher)


@dataclass
class Running:
    """One life of the agent."""

    world: World
    agent: Agent
    launcher: FakeLauncher

    async def put(self, request: ServerRequest, *, key: str = "") -> tuple[str, bool]:
        answer, created = await self.agent.servers.put(number(request.person), request, caller="hub-ocean", key=key)
        return answer.api_token.get_secret_value(), created

    async def stop(self, person: str = "ann", reason: StopReason = StopReason.PERSON) -> Server:
        return await self.agent.servers.stop(number(person), StopRequest(reason=reason), hub="ocean")

    async def server(self, person: str = "ann") -> Server:
        return await self.agent.servers.get(number(person), hub="ocean")

    async def until(self, state: ServerState, person: str = "ann") -> Server:
        return await self.when(lambda server: server.state is state, person)

    async def when(self, condition: Callable[[Server], bool], person: str = "ann") -> Server:
        # a disk under load holds up each fsync of the store
        with anyio.fail_after(60):
            while True:
                server = await self.server(person)
                if condition(server):
                    return server
                await anyio.sleep(0.001)


__all__ = ["Record", "Running", "World", "number", "wanted"]
