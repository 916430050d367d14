"""Generations, takeovers, stops and lists of servers, with a launcher that does what the test says."""

import anyio
import pytest

from fake_agent import World, number, wanted
from hubfleet.agent.launchers.base import Health
from hubfleet.agent.refusals import ConflictError, NotFoundError
from hubfleet.errors import TemporaryLaunchError
from hubfleet.protocol.messages import ServerState, StopReason

pytestmark = pytest.mark.anyio


async def test_a_new_server_gets_to_running(world: World) -> None:
    """A request starts a server, and it runs once it answers."""
    async with world.agent() as agent:
        assert await agent.put(wanted()) == ("token-ann-0", True)
        assert (await agent.until(ServerState.RUNNING)).url.startswith("http://")


async def test_the_same_request_again_starts_nothing(world: World) -> None:
    """A request whose answer was lost is sent again and gets the one server."""
    async with world.agent() as agent:
        await agent.put(wanted(), key="k")
        await agent.until(ServerState.RUNNING)
        assert await agent.put(wanted(), key="k") == ("token-ann-0", False)
        assert agent.launcher.starts == [number()]


async def test_a_later_generation_takes_the_server_over_with_its_own_token(world: World) -> None:
    """After a hub's interrupted start the next one gets the running server and the token that it really has."""
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)
        assert await agent.put(wanted(after_s=60)) == ("token-ann-0", False)
        assert (await agent.server()).generation == wanted(after_s=60).generation


async def test_an_earlier_generation_is_refused(world: World) -> None:
    """A start that was overtaken does not come back."""
    async with world.agent() as agent:
        await agent.put(wanted(after_s=60))
        with pytest.raises(ConflictError):
            await agent.put(wanted())


async def test_other_options_are_refused_while_it_runs(world: World) -> None:
    """A running server does not silently keep other options than those asked for."""
    async with world.agent() as agent:
        await agent.put(wanted())
        with pytest.raises(ConflictError):
            await agent.put(wanted(after_s=60, app="notebook"))


async def test_what_the_agent_sets_itself_is_no_other_option(world: World) -> None:
    """A hub that chose another port for the same server asks for the same."""
    async with world.agent() as agent:
        await agent.put(wanted(variables={"JUPYTERHUB_SERVICE_URL": "http://x:1/"}))
        again = wanted(after_s=60, variables={"JUPYTERHUB_SERVICE_URL": "http://x:2/"})
        assert (await agent.put(again))[1] is False


async def test_a_replayed_request_does_not_start_a_stopped_server(world: World) -> None:
    """Each start is carried out once, even if it ended since."""
    async with world.agent() as agent:
        await agent.put(wanted(), key="k")
        await agent.until(ServerState.RUNNING)
        await agent.stop()
        await agent.until(ServerState.STOPPED)
        assert (await agent.put(wanted(), key="k"))[1] is False
        await agent.agent.servers.forget(number(), hub="ocean")
        with pytest.raises(ConflictError):
            await agent.put(wanted(), key="k")
        assert agent.launcher.starts == [number()]


async def test_a_stopped_server_starts_again_with_a_new_token(world: World) -> None:
    """A later generation after the end is a new start."""
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)
        await agent.stop()
        await agent.until(ServerState.STOPPED)
        assert await agent.put(wanted(after_s=60)) == ("token-ann-60", True)
        await agent.until(ServerState.RUNNING)


async def test_a_start_during_a_stop_waits_for_it(world: World) -> None:
    """A request that comes while the old run still stops starts afterwards, with its own options."""
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)
        failing = [TemporaryLaunchError("not yet")]

        def refuse(server: str) -> None:
            if failing:
                raise failing[0]

        agent.launcher.on_stop = refuse
        await agent.stop()
        assert await agent.put(wanted(after_s=60, app="notebook")) == ("token-ann-60", True)
        failing.clear()
        server = await agent.until(ServerState.RUNNING)
        assert server.generation == wanted(after_s=60).generation
        assert agent.launcher.stops[0] == number()
        assert len(agent.launcher.starts) == 2


async def test_a_stop_wins_over_a_start(world: World) -> None:
    """A server that is stopped while it starts ends, and what its start left is removed."""
    world.settings["ceilings"] = {"start_timeout_s": 1e12}
    world.answering = False
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.when(lambda server: server.progress >= 60)
        await agent.stop()
        server = await agent.until(ServerState.STOPPED)
        assert server.reason is StopReason.PERSON
        assert world.cluster == {}


async def test_a_stop_is_tried_until_it_works(world: World) -> None:
    """A cluster that is away at a stop delays it, and the reason stays."""
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)
        left = [1, 2, 3]

        def refuse(server: str) -> None:
            if left:
                left.pop()
                raise TemporaryLaunchError("away")

        agent.launcher.on_stop = refuse
        await agent.stop(reason=StopReason.CULLED)
        assert (await agent.until(ServerState.STOPPED)).reason is StopReason.CULLED
        assert world.cluster == {}


async def test_a_hubs_start_check_stops_nothing(world: World) -> None:
    """A hub that does not reach a server at its own start ends nothing."""
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)
        assert (await agent.stop(reason=StopReason.START_CHECK)).state is ServerState.RUNNING


async def test_a_notice_reaches_the_person_once(world: World) -> None:
    """What happened inside a running server is an event, not one at each check."""
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)
        agent.launcher.healths[number()] = Health("running", notice="a kernel was ended")
        server = await agent.when(lambda server: server.message == "a kernel was ended")
        asked = []
        agent.launcher.on_check = lambda: asked.append(1)
        with anyio.fail_after(5):
            while len(asked) < 5:
                await anyio.sleep(0.001)
        assert (await agent.server()).seq == server.seq


async def test_a_hub_does_not_see_another_hubs_servers(world: World) -> None:
    """For another hub a server does not exist."""
    async with world.agent() as agent:
        await agent.put(wanted())
        with pytest.raises(NotFoundError):
            await agent.agent.servers.get(number(), hub="maths")
        with pytest.raises(NotFoundError):
            await agent.put(wanted(after_s=60, hub="maths"))
        assert (await agent.agent.servers.list(hub="maths")).servers == []


async def test_a_running_server_is_not_forgotten(world: World) -> None:
    """Only what has stopped can be forgotten, and then it is."""
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)
        with pytest.raises(ConflictError):
            await agent.agent.servers.forget(number(), hub="ocean")
        await agent.stop()
        await agent.until(ServerState.STOPPED)
        await agent.agent.servers.forget(number(), hub="ocean")
        with pytest.raises(NotFoundError):
            await agent.server()


async def test_a_list_since_a_number_is_what_changed(world: World) -> None:
    """A delta has the changed servers only and says that it is not complete; 0 gives the whole list."""
    async with world.agent() as agent:
        await agent.put(wanted("first"))
        await agent.until(ServerState.RUNNING, "first")
        before = await agent.agent.servers.list(hub="ocean")
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)
        delta = await agent.agent.servers.list(hub="ocean", since=before.seq)
        assert ([server.person for server in delta.servers], delta.complete) == (["ann"], False)
        whole = await agent.agent.servers.list(hub="ocean", since=10**9)
        assert (len(whole.servers), whole.complete) == (2, True)


async def test_events_have_numbers_without_gaps(world: World) -> None:
    """Events of one agent are numbered one after the other and can be read from any number on."""
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)
        events, gap = await agent.agent.servers.events(since=0, hub="ocean")
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert not gap
        later, _ = await agent.agent.servers.events(since=2, hub="ocean")
        assert later == events[2:]


async def test_a_full_disk_refuses_a_start_before_anything_is_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is started that could not be recorded."""
    from hubfleet.agent import servers
    from hubfleet.agent.store import StoreFullError

    async with world.agent() as agent:
        monkeypatch.setattr(servers, "MIN_FREE_BYTES", 10**18)
        with pytest.raises(StoreFullError):
            await agent.put(wanted())
        assert agent.launcher.starts == []


async def test_ended_servers_keep_no_token(world: World) -> None:
    """What has stopped has no secret in the store any more."""
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)
        await agent.stop()
        await agent.until(ServerState.STOPPED)
    async with world.agent() as agent:
        answer, _ = await agent.agent.servers.put(number(), wanted(), caller="hub-ocean")
        assert answer.api_token.get_secret_value() == ""


@pytest.mark.parametrize(("quota_gib", "told"), [(2.0, True), (3.1, True), (4.0, False), (0.0, False)])
async def test_a_home_near_its_quota_starts_with_a_notice(world: World, quota_gib: float, told: bool) -> None:
    """A counted quota refuses nobody: the person is told, and how much it is."""
    async with world.agent() as agent:
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)
        await agent.stop()
        await agent.until(ServerState.STOPPED)
        store = agent.agent.servers._store
        await store.run(lambda tables: tables.count_home("ocean", "ann", 3 * 1024**3, 1e12))
        await agent.put(wanted(after_s=60, home_quota_gib=quota_gib))
        server = await agent.until(ServerState.RUNNING)
        assert (server.home_used_gib, "3.0 GiB" in server.message) == (3.0, told)
