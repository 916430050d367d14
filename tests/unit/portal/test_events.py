"""A build's events reach whoever reads them, to the last."""

import json

import anyio
import httpx
import pytest

from hubfleet.portal.features.builds.builds import Builds
from hubfleet.protocol.builds import Build, BuildState
from hubfleet.records.entries import BuildEntry
from hubfleet.testing.builds import FakeBuildAgent
from portals import PORTAL, Running, World, until

pytestmark = pytest.mark.anyio
API = f"{PORTAL}api"


def events(answer: httpx.Response) -> list[tuple[int, str, str]]:
    """Return number, state and message of each event of a stream."""
    found = []
    for block in answer.text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            event = json.loads(lines["data"])
            found.append((int(lines.get("id", 0)), event["state"], event["message"]))
    return found


async def test_events_come_until_the_last(portal: Running) -> None:
    """A reader gets each with its number while it happens; the record says the same when the last arrives."""
    ann = await portal.program()
    build = await portal.begun(ann)
    portal.agent.step(build, BuildState.FETCHING, "one")
    answers: list[httpx.Response] = []

    async def read() -> None:
        answers.append(await ann.get(f"{API}/builds/{build}/events"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await until(lambda: portal.agent.calls.count(("build_events", build)) == 2)
        portal.agent.step(build, BuildState.RESOLVING, "two")
        portal.agent.finish(build)
    assert events(answers[0]) == [(1, "fetching", "one"), (2, "resolving", "two"), (3, "ready", "ready")]
    assert answers[0].headers["content-type"].startswith("text/event-stream")
    later = await ann.get(f"{API}/builds/{build}/events", headers={"Last-Event-ID": "2"})
    assert events(later) == [(3, "ready", "ready")]
    last = await ann.get(f"{API}/builds/{build}/events", headers={"Last-Event-ID": "3"})
    assert last.status_code == 204


async def test_readers_are_told_that_an_agent_is_away(portal: Running) -> None:
    """The portal's own word has no number, and the stream goes on with the agent's when it is back."""
    ann = await portal.program()
    portal.agent.reachable = False
    build = await portal.begun(ann)
    await portal.reached(ann, build, message="the cluster does not answer just now; this goes on as soon as it does")
    answers: list[httpx.Response] = []

    async def read() -> None:
        answers.append(await ann.get(f"{API}/builds/{build}/events"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        asked = portal.agent.calls.count(("build_events", build))
        await until(lambda: portal.agent.calls.count(("build_events", build)) > asked)
        portal.agent.reachable = True
        await until(lambda: build in portal.agent._events)
        portal.agent.finish(build)
    told = events(answers[0])
    assert told[0][:2] == (0, "queued")
    assert told[-1] == (1, "ready", "ready")


async def test_the_log_of_a_build_that_its_agent_forgot_is_its_end(portal: Running) -> None:
    """What the record has is told still."""
    ann = await portal.program()
    build = await portal.begun(ann)
    portal.agent.step(build, BuildState.FAILED, "no room", hint="free some")
    await portal.reached(ann, build, state="failed")
    portal.agent.forget(build)
    answer = await ann.get(f"{API}/builds/{build}/events")
    assert events(answer) == [(1, "failed", "no room: free some")]


async def test_a_portal_that_ends_lets_its_readers_go(world: World) -> None:
    """A stream ends without a last event, so that its reader comes again."""
    answers: list[httpx.Response] = []
    async with world.portal() as portal:
        ann = await portal.program()
        build = await portal.begun(ann)

        async def read() -> None:
            answers.append(await ann.get(f"{API}/builds/{build}/events"))

        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read)
                await until(lambda: portal.agent.calls.count(("build_events", build)) == 2)
                portal.portal.builds.end_streams()
    assert events(answers[0]) == []


async def test_the_last_event_waits_for_the_record(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is loaded again at the last event shows the end, however slow its record is written."""
    waits, said = anyio.Event(), anyio.Event()
    recorded = Builds._recorded

    async def noted(builds: Builds, entry: BuildEntry) -> None:
        waits.set()
        await recorded(builds, entry)

    class SlowAgent(FakeBuildAgent):
        async def build(self, build: str) -> Build:
            await said.wait()
            return await super().build(build)

    monkeypatch.setattr(Builds, "_recorded", noted)
    world.agents["here"] = SlowAgent()
    async with world.portal() as portal:
        ann = await portal.program()
        build = await portal.begun(ann)
        states: list[object] = []

        async def read() -> None:
            await ann.get(f"{API}/builds/{build}/events")
            states.append((await ann.get(f"{API}/builds/{build}")).json()["state"])

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read)
                await until(lambda: portal.agent.calls.count(("build_events", build)) == 2)
                portal.agent.finish(build)
                await waits.wait()
                assert states == []
                said.set()
    assert states == ["ready"]
