"""A real agent with one hub, a git server, and the hub's portal in front of them; one of each for a module."""

from collections.abc import AsyncIterator, Iterator

import pytest

from agents import AgentProgram, FakeHub, agent
from git_servers import GitServer, git_server
from hubfleet.protocol.client import AgentClient


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Async fixtures of a module run in one loop."""
    return "asyncio"


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """Serve repositories."""
    with git_server(tmp_path_factory.mktemp("git")) as server:
        yield server


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProgram]:
    """Run an agent that may fetch from this machine."""
    folder = tmp_path_factory.mktemp("agent")
    with FakeHub() as ocean, agent(folder, {"ocean": ocean}, git_hosts=["127.0.0.1"]) as running:
        yield running


@pytest.fixture(scope="module")
async def portal(program: AgentProgram) -> AsyncIterator[AgentClient]:
    """Call the agent as the portal of `ocean`."""
    client = program.client("portal-ocean")
    yield client
    await client.close()
