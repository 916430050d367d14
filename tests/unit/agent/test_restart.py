"""Whatever moment the agent dies at, its next life ends with the same result."""

import asyncio

import pytest

from fake_agent import World, number, wanted
from hubfleet.agent.launchers.base import LauncherState
from hubfleet.protocol.messages import ServerState, StopReason
from hubfleet.testing.launchers import FakeLauncher

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("made", [False, True], ids=["before it is made", "made but not recorded"])
async def test_a_start_cut_off_at_any_step_ends_with_one_server(world: World, step: int, made: bool) -> None:
    """The next life carries the start on: one server, running, although its hub never called again."""
    hanging = asyncio.Event()
    launcher = FakeLauncher(world.cluster)

    async with world.agent(launcher) as agent:

        def die(server: str, at: int) -> None:
            if at == step:
                if made:
                    launcher.cluster[server] = LauncherState(server, "made", 0, {"half": "yes"})
                hanging.set()
                raise asyncio.CancelledError

        launcher.before_step = die
        await agent.put(wanted())
        async with asyncio.timeout(5):
            await hanging.wait()
    async with world.agent() as agent:
        server = await agent.until(ServerState.RUNNING)
        assert list(world.cluster) == [number()]
        assert world.cluster[number()].url == server.url


async def test_a_server_that_runs_survives_the_agent(world: World) -> None:
    """A running server is neither stopped nor started again when the agent comes back."""
    async with world.agent() as agent:
        await agent.put(wanted())
        before = await agent.until(ServerState.RUNNING)
    async with world.agent() as agent:
        asked = asyncio.Event()
        agent.launcher.on_check = asked.set
        async with asyncio.timeout(5):
            await asked.wait()
        assert await agent.server() == before
        assert (agent.launcher.starts, agent.launcher.stops) == ([], [])


async def test_a_start_that_only_waited_for_its_answer_goes_on_with_the_same_server(world: World) -> None:
    """A server that was made and recorded, but had not answered yet, is not made again."""
    world.answering = False
    world.settings["ceilings"] = {"start_timeout_s": 1e12}
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.when(lambda server: bool(server.url))
    world.answering = True
    async with world.agent() as agent:
        await agent.until(ServerState.RUNNING)
        assert agent.launcher.starts == []


async def test_a_start_whose_server_died_with_the_agent_begins_again(world: World) -> None:
    """A held sandbox that ended because its agent died is replaced by a new one."""
    world.answering = False
    world.settings["ceilings"] = {"start_timeout_s": 1e12}
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.when(lambda server: bool(server.url))
    world.cluster.clear()
    async with world.agent() as agent:
        async with asyncio.timeout(5):
            while not agent.launcher.starts:
                await asyncio.sleep(0)
        world.answering = True
        await agent.until(ServerState.RUNNING)


async def test_a_stop_cut_off_is_carried_out(world: World) -> None:
    """A stop that was asked for happens, with its reason, in the next life."""
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)

        def die(server: str) -> None:
            raise asyncio.CancelledError

        agent.launcher.on_stop = die
        await agent.stop(reason=StopReason.CULLED)
        async with asyncio.timeout(5):
            while agent.agent.works.busy(number()):
                await asyncio.sleep(0)
                break
    async with world.agent() as agent:
        assert (await agent.until(ServerState.STOPPED)).reason is StopReason.CULLED
        assert world.cluster == {}


async def test_what_has_our_label_and_no_record_is_ended(world: World) -> None:
    """A leftover that nobody asked for goes at the agent's start."""
    world.cluster["stray"] = LauncherState("stray", "made", 0)
    async with world.agent() as agent:
        async with asyncio.timeout(5):
            while world.cluster:
                await asyncio.sleep(0)
        assert agent.launcher.stops == ["stray"]


async def test_a_server_that_ended_while_the_agent_was_away_is_noticed(world: World) -> None:
    """What died meanwhile is stopped, not started again."""
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)
    world.cluster.clear()
    async with world.agent() as agent:
        await agent.until(ServerState.STOPPED)
        assert agent.launcher.starts == []


async def test_somebody_else_at_a_lost_servers_address_is_not_the_server(world: World) -> None:
    """After a restart the agent looks whether the server is there before it believes an answer."""
    world.answering = False
    world.settings["ceilings"] = {"start_timeout_s": 1e12}
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.when(lambda server: bool(server.url))
    world.cluster.clear()
    world.answering = True
    async with world.agent() as agent:
        await agent.until(ServerState.RUNNING)
        assert agent.launcher.starts == [number()]
