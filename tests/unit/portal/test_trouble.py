"""Builds go on to their end, whatever happens to portal, agent and records on the way."""

from collections.abc import AsyncIterator

import pytest

from hubfleet.errors import RefusedError, StateError
from hubfleet.protocol.builds import BuildEvent, BuildState
from hubfleet.records.tables import Tables
from hubfleet.testing.builds import DIGEST, FakeBuildAgent
from portals import PORTAL, Running, World, until

pytestmark = pytest.mark.anyio
API = f"{PORTAL}api"


async def test_an_agent_that_is_away_is_waited_for(portal: Running) -> None:
    """The record says so, and the build goes on by itself once it answers."""
    ann = await portal.program()
    portal.agent.reachable = False
    build = await portal.begun(ann)
    waiting = await portal.reached(
        ann, build, message="the cluster does not answer just now; this goes on as soon as it does"
    )
    assert waiting["state"] == "queued"
    portal.agent.reachable = True
    await until(lambda: build in portal.agent.requests)
    portal.agent.finish(build)
    await portal.reached(ann, build, state="ready")


async def test_a_stop_waits_for_an_agent_that_is_away(portal: Running) -> None:
    """What was to be stopped is, as soon as the agent answers; what never reached it does not begin."""
    ann = await portal.program()
    begun = await portal.begun(ann)
    portal.agent.reachable = False
    portal.agent.break_streams()
    never = await portal.begun(ann)
    for build in (begun, never):
        assert (await ann.post(f"{API}/builds/{build}/stop")).status_code == 200
    portal.agent.reachable = True
    await portal.reached(ann, begun, state="stopped")
    await portal.reached(ann, never, state="stopped", message="stopped before it began")
    assert never not in portal.agent.requests


async def test_a_broken_stream_is_taken_up_where_it_broke(portal: Running) -> None:
    """When the agent restarts in between nothing is lost, and nothing that was read is read again."""
    ann = await portal.program()
    build = await portal.begun(ann)
    portal.agent.step(build, BuildState.FETCHING, "one")
    await portal.reached(ann, build, state="fetching")
    portal.agent.break_streams()
    await until(lambda: len(portal.agent.followed) == 2)
    portal.agent.step(build, BuildState.RESOLVING, "two")
    await portal.reached(ann, build, state="resolving")
    portal.agent.finish(build)
    await portal.reached(ann, build, state="ready")
    assert portal.agent.followed == [(build, 0), (build, 1)]


async def test_an_agent_that_lost_a_build_gets_it_again(portal: Running) -> None:
    """A new store of the agent costs time, not the build."""
    ann = await portal.program()
    build = await portal.begun(ann)
    portal.agent.step(build, BuildState.FETCHING, "one")
    await portal.reached(ann, build, state="fetching")
    portal.agent.forget(build)
    await until(lambda: portal.agent.calls.count(("start_build", build)) > 1 and build in portal.agent._builds)
    portal.agent.finish(build)
    await portal.reached(ann, build, state="ready")


@pytest.mark.parametrize(("status", "state"), [(422, "failed"), (429, "queued"), (507, "queued")])
async def test_a_refusal_is_told(portal: Running, status: int, state: str) -> None:
    """One that may pass is waited for, any other ends the build; both are said in the agent's words."""
    ann = await portal.program()
    portal.agent.refusal = RefusedError("not like this", status=status, hint="do otherwise")
    build = await portal.begun(ann)
    told = await portal.reached(ann, build, message="not like this", hint="do otherwise")
    assert told["state"] == state


async def test_a_new_portal_follows_what_an_old_one_left(world: World) -> None:
    """A build is put to its agent with its own id, and goes on to its end; one that is over is left alone."""
    agent = world.agents["here"]
    async with world.portal() as first:
        ann = await first.program()
        done, build = await first.begun(ann), await first.begun(ann)
        agent.finish(done)
        await first.reached(ann, done, state="ready")
        agent.step(build, BuildState.FETCHING, "one")
        await first.reached(ann, build, state="fetching")
    agent.calls.clear()
    agent.step(build, BuildState.RESOLVING, "two")
    async with world.portal() as second:
        ann = await second.program()
        await second.reached(ann, build, state="resolving")
        agent.finish(build)
        await second.reached(ann, build, state="ready")
    assert {called for _, called in agent.calls} == {build, DIGEST} - {DIGEST}
    assert agent.calls[0] == ("start_build", build)


async def test_a_lost_token_is_told(world: World) -> None:
    """Where the portal ended before the agent had the token, the build fails and says to give it again."""
    agent = world.agents["here"]
    agent.reachable = False
    async with world.portal() as first:
        build = await first.begun(await first.program(), token="ghp-very-secret")
    agent.reachable = True
    async with world.portal() as second:
        lost = await second.reached(await second.program(), build, state="failed")
    assert lost["hint"] == "give the token again"
    assert build not in agent.requests


async def test_a_build_of_a_cluster_that_is_gone_ends(world: World) -> None:
    """Nobody waits for a cluster that the hub no longer has."""
    async with world.portal() as first:
        build = await first.begun(await first.program())
    world.agents = {"west": FakeBuildAgent()}
    async with world.portal() as second:
        ended = await second.reached(await second.program(), build, state="failed")
        page = await (await second.program()).get(f"{PORTAL}builds/{build}")
    assert ended["message"] == "the cluster 'here' is no longer part of this hub"
    assert page.status_code == 200


async def test_a_record_that_cannot_be_written_is_tried_again(
    portal: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk costs time, not the build, even where its end is to be written."""
    ann = await portal.program()
    portal.agent.refusal = RefusedError("not like this", status=422)
    full = [StateError("the disk is full")] * 3

    def change(tables: Tables, *args: object, **changes: object) -> object:
        if full:
            raise full.pop()
        return written(tables, *args, **changes)

    written = Tables.change_build
    monkeypatch.setattr(Tables, "change_build", change)
    build = await portal.begun(ann)
    await portal.reached(ann, build, state="failed", message="not like this")
    assert not full
    assert "the disk is full" in caplog.text


async def test_a_new_portal_sends_what_an_old_one_may_not_have_sent(world: World) -> None:
    """Environments of the last day go to the other clusters again; older ones have arrived long since."""
    west = FakeBuildAgent()
    world.agents["west"] = west
    west.reachable = False
    async with world.portal() as first:
        ann = await first.program()
        old = await first.begun(ann)
        older = first.agent.finish(old, lock="old==1\n")
        await first.reached(ann, old, state="ready")
        world.clock.advance(25 * 3600)
        build = await first.begun(ann)
        digest = first.agent.finish(build)
        await first.reached(ann, build, state="ready")
    west.reachable = True
    async with world.portal():
        await until(lambda: digest in west.locks)
    assert older not in west.locks


async def test_an_agent_that_loses_a_build_at_once_gets_it_again(world: World) -> None:
    """A build that is not there when it is to be followed did not fail: it is brought there again."""

    class Forgetful(FakeBuildAgent):
        async def build_events(self, build: str, *, since: int = 0) -> AsyncIterator[BuildEvent]:
            if ("build_events", build) not in self.calls:
                self.forget(build)
            async for event in super().build_events(build, since=since):
                yield event

    world.agents["here"] = Forgetful()
    async with world.portal() as portal:
        ann = await portal.program()
        build = await portal.begun(ann)
        await until(lambda: portal.agent.calls.count(("start_build", build)) == 2)
        portal.agent.finish(build)
        await portal.reached(ann, build, state="ready")
