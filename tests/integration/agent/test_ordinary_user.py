"""An agent without root: user namespaces, one user id for all, the host's network; the sandbox still parts people."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import FakeHub, agent, processes_with, reached, server_id, server_request
from hubfleet.agent import parts
from hubfleet.model.settings.agent import AgentSettings
from hubfleet.protocol.messages import ServerState, StopReason
from machines import ROOT
from notebooks import execute, start_kernel
from programs import OTHERS_REACH_US

pytestmark = [
    pytest.mark.integration,
    pytest.mark.anyio,
    pytest.mark.skipif(not OTHERS_REACH_US, reason="an ordinary user cannot reach the project here"),
]
USER = (64123, 64123)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that another user can reach, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="hubfleet-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


async def test_a_server_of_an_ordinary_user_runs_in_a_sandbox(folder: Path) -> None:
    """It starts, says openly what is missing, survives kill -9 of its agent, sees nothing of others, and ends whole."""
    user = USER if os.geteuid() == 0 else None
    with (
        FakeHub() as hub,
        agent(folder, {"ocean": hub}, user=user, network="isolated", shared_network_allowed=True) as program,
    ):
        client = program.client("ocean")
        states = {ability.name: ability.state for ability in (await client.capabilities()).abilities}
        assert states["sandbox"] == "full"
        assert states["own-uids"] == states["network"] == "none"
        people = ("ann", "bob")
        for person in people:
            await client.start_server(
                server_id("ocean", person), server_request("ocean", person), idempotency_key=person
            )
        running = [await reached(client, server_id("ocean", person), ServerState.RUNNING) for person in people]
        kernel = await start_kernel(running[0].url, "/user/ann/", "owner-of-ann")
        # of the folders on the way to its software, it sees no more than the way
        own = Path.home() / ".profile"
        hidden = [folder / "data", folder / "agent.sock", ROOT / "pyproject.toml", ROOT / "tests", own, Path("/root")]
        code = f"import os; print(os.getuid(), [p for p in {list(map(str, hidden))!r} if os.path.exists(p)])"
        seen = await execute(running[0].url, "/user/ann/", "owner-of-ann", kernel, code)
        assert seen.strip() == "1000 []"
        program.kill()
        program.start()
        for person in people:
            await client.stop_server(server_id("ocean", person), StopReason.PERSON)
        for person in people:
            await reached(client, server_id("ocean", person), ServerState.STOPPED)
        await client.close()
        label = parts.label(AgentSettings.model_validate(program.settings))
    assert processes_with(f"HUBFLEET_SERVER={label}/") == []


async def test_an_agent_that_may_not_share_the_network_refuses_with_the_way_out(folder: Path) -> None:
    """Where networks of their own cannot be had and sharing is not allowed, nothing starts, and the log says why."""
    user = USER if os.geteuid() == 0 else None
    with (
        FakeHub() as hub,
        pytest.raises(AssertionError, match=r"the agent is not root.*hint: run it as root"),
        agent(folder, {"ocean": hub}, user=user, network="isolated"),
    ):
        pass


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to forbid user namespaces to one agent only")
async def test_an_agent_that_can_make_no_sandbox_refuses_with_the_way_out(folder: Path) -> None:
    """Nobody's code runs without walls: the agent ends at once and names the command that allows user namespaces."""
    os.chown(folder, *USER)
    with (
        FakeHub() as hub,
        pytest.raises(AssertionError, match=r"no sandbox can be made here: .*sysctl -w user\.max_user_namespaces="),
        agent(folder, {"ocean": hub}, command=[str(ROOT / "tests" / "agent_without_namespaces.py")]),
    ):
        pass
