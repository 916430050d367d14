"""Starts that fail, servers that die, and a cluster that answers nothing useful."""

import anyio
import pytest

from fake_agent import World, number, wanted
from hubfleet.agent.launchers.base import Health
from hubfleet.errors import LaunchError, TemporaryLaunchError
from hubfleet.protocol.messages import ServerState, StopReason

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("step", [0, 1, 2])
async def test_a_failing_start_says_why_and_leaves_nothing(world: World, step: int) -> None:
    """Whichever step fails, the person reads cause and next step, and the cluster is clean."""
    async with world.agent() as agent:

        def fail(server: str, number: int) -> None:
            if number == step:
                raise LaunchError("the disk is full", hint="free some space")

        agent.launcher.before_step = fail
        await agent.put(wanted())
        server = await agent.until(ServerState.FAILED)
        assert (server.message, server.hint) == ("the disk is full", "free some space")
        assert world.cluster == {}


async def test_a_start_that_may_work_later_is_tried_again(world: World) -> None:
    """A cluster that is full for a moment fails nobody's start."""
    async with world.agent() as agent:
        left = [1, 2]

        def fail(server: str, number: int) -> None:
            if left and number == 1:
                left.pop()
                raise TemporaryLaunchError("full")

        agent.launcher.before_step = fail
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)


async def test_a_server_that_never_answers_fails_at_its_time_limit(world: World) -> None:
    """A start has an end even if nothing answers."""
    world.answering = False
    async with world.agent() as agent:
        await agent.put(wanted())
        server = await agent.until(ServerState.FAILED)
        assert "did not answer within 120 s" in server.message


async def test_a_server_that_dies_while_it_starts_fails_at_once(world: World) -> None:
    """The cause of death is what the person reads, not a time limit."""
    world.answering = False
    async with world.agent() as agent:
        agent.launcher.healths[number()] = Health("gone", StopReason.EXITED, "it fell over", "pick it up")
        await agent.put(wanted())
        server = await agent.until(ServerState.FAILED)
        assert (server.message, server.hint) == ("it fell over", "pick it up")


async def test_a_server_that_is_gone_is_stopped_with_the_reason(world: World) -> None:
    """The check that finds a server gone says why it ended."""
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)
        agent.launcher.healths[number()] = Health("gone", StopReason.MEMORY, "too much memory", "use less")
        server = await agent.until(ServerState.STOPPED)
        assert (server.reason, server.message) == (StopReason.MEMORY, "too much memory")


@pytest.mark.parametrize("answer", ["error", "unknown", "missing"])
async def test_a_cluster_that_answers_nothing_useful_changes_nothing(world: World, answer: str) -> None:
    """Errors, unknown states and missing answers leave servers as they are."""
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)
        asked = []

        def check() -> None:
            asked.append(1)
            if answer == "error":
                raise TemporaryLaunchError("away")

        agent.launcher.on_check = check
        if answer == "missing":
            agent.launcher.unmentioned.add(number())
        agent.launcher.healths[number()] = Health("unknown", notice="not to be believed")
        with anyio.fail_after(5):
            while len(asked) < 5:
                await anyio.sleep(0.001)
        server = await agent.server()
        assert (server.state, server.message) == (ServerState.RUNNING, "")
        if answer == "error":
            assert not (await agent.agent.servers.list(hub="ocean")).cluster_ok
