"""Starts that wait for their turn, and those that could never have one."""

import pytest

from fake_agent import World, number, wanted
from hubfleet.agent.refusals import CeilingError, FullError
from hubfleet.protocol.messages import ServerState

pytestmark = pytest.mark.anyio


async def test_starts_wait_for_their_turn_and_further_ones_are_refused(world: World) -> None:
    """As many start at once as allowed, as many wait as allowed, and the next is told when to try again."""
    world.settings["ceilings"] = {"starts": 2, "queue": 3, "start_timeout_s": 1e12}
    world.answering = False
    async with world.agent() as agent:
        people = [f"p{count}" for count in range(5)]
        for person in people:
            await agent.put(wanted(person))
        await agent.when(lambda server: server.progress >= 60, "p1")
        assert (await agent.server("p4")).state is ServerState.QUEUED
        for person in ("p5", "p6"):
            await agent.put(wanted(person))
        with pytest.raises(FullError) as refused:
            await agent.put(wanted("p7"))
        assert (refused.value.status, refused.value.retry_after_s) == (429, 10.0)
        world.answering = True
        for person in [*people, "p5", "p6"]:
            await agent.until(ServerState.RUNNING, person)


async def test_a_queued_server_can_be_stopped_before_its_turn(world: World) -> None:
    """A stop of what still waits starts nothing and keeps no place."""
    world.settings["ceilings"] = {"starts": 1, "start_timeout_s": 1e12}
    world.answering = False
    async with world.agent() as agent:
        await agent.put(wanted("first"))
        await agent.when(lambda server: server.progress >= 60, "first")
        await agent.put(wanted())
        await agent.stop()
        await agent.until(ServerState.STOPPED)
        assert agent.launcher.starts == [number("first")]


async def test_no_more_servers_run_than_allowed(world: World) -> None:
    """The ceiling of servers counts those that run."""
    world.settings["ceilings"] = {"servers": 1}
    async with world.agent() as agent:
        await agent.put(wanted("first"))
        await agent.until(ServerState.RUNNING, "first")
        with pytest.raises(FullError):
            await agent.put(wanted())


@pytest.mark.parametrize(
    "more",
    [
        {"resources": {"cpu": 99}},
        {"resources": {"memory_gib": 99}},
        {"resources": {"memory_gib": -1}},
        {"resources": {"cpu": float("nan")}},
        {"resources": {"cpu": 1, "cpu_guarantee": 2}},
        {"shared_folders": [{"name": "secret"}]},
        {"shared_folders": [{"name": "../.."}]},
        {"environment": "../../etc"},
        {"person": ""},
        {"person": "x" * 300},
        {"person": "two\nlines"},
        {"variables": {"A": "x" * 20_000}},
        {"variables": {f"A{count}": "x" for count in range(300)}},
        {"variables": {"A=B": "x"}},
        {"variables": {"A": "x\0y"}},
        {"default_url": "x" * 3000},
    ],
)
async def test_what_could_never_start_is_refused(world: World, more: dict[str, object]) -> None:
    """Ceilings, unknown folders and sizes of names and options are refused with 422."""
    async with world.agent() as agent:
        with pytest.raises(CeilingError):
            await agent.put(wanted(**more))
