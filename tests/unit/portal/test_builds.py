"""Builds go from a record to an environment, whatever happens to portal and agent on the way."""

import json
import logging

import anyio
import httpx
import pytest

from hubfleet.errors import RefusedError, StateError
from hubfleet.protocol.builds import BuildState
from hubfleet.records.tables import Tables
from hubfleet.testing.builds import DIGEST, LOCK, FakeBuildAgent
from portals import PORTAL, REPOSITORY, Running, World, until

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


async def test_a_build_becomes_an_environment(portal: Running) -> None:
    """Its steps reach the record, and at the end there is an environment with the lock that names it."""
    ann = await portal.program()
    build = await portal.begun(ann, ref="main", packages_until="2026-01-31")
    portal.agent.step(build, BuildState.FETCHING, "asking git.test")
    seen = await portal.reached(ann, build, state="fetching")
    assert (seen["message"], seen["started"] is not None, seen["ended"]) == ("asking git.test", True, None)
    portal.agent.step(build, BuildState.RESOLVING, "choosing", commit="c0ffee")
    assert (await portal.reached(ann, build, state="resolving"))["commit"] == "c0ffee"
    digest = portal.agent.finish(build)
    ready = await portal.reached(ann, build, state="ready", digest=digest)
    assert (ready["files"], ready["ended"] is not None) == (["requirements.txt"], True)
    (environment,) = (await ann.get(f"{API}/environments")).json()["environments"]
    assert (environment["digest"], environment["name"], environment["owner"]) == (digest, "waves", "ann")
    assert (environment["made_from"], environment["packages_until"]) == (build, "2026-01-01")
    assert (await ann.get(f"{API}/environments/{digest}")).json() == environment
    lock = await ann.get(f"{API}/environments/{digest}/lock")
    assert (lock.text, lock.headers["content-type"]) == (LOCK, "text/plain; charset=utf-8")
    request = portal.agent.requests[build]
    assert (request.hub, request.ref, request.packages_until) == ("ocean", "main", "2026-01-31")


async def test_a_failed_build_says_why(portal: Running) -> None:
    """What the agent says went wrong, and what to do, is in the record; there is no environment."""
    ann = await portal.program()
    build = await portal.begun(ann)
    portal.agent.step(build, BuildState.FAILED, "no version of 'nosuch' fits", hint="see its name")
    failed = await portal.reached(ann, build, state="failed")
    assert (failed["message"], failed["hint"]) == ("no version of 'nosuch' fits", "see its name")
    assert (await ann.get(f"{API}/environments")).json() == {"environments": []}


async def test_a_lock_that_is_not_what_its_digest_names_is_no_environment(portal: Running) -> None:
    """An environment's name is the hash of its lock, whatever an agent says."""
    ann = await portal.program()
    build = await portal.begun(ann)
    portal.agent.step(build, BuildState.READY, "ready", digest=DIGEST, lock="other==1\n")
    await until(lambda: portal.agent.calls.count(("build", build)) > 1)
    assert (await ann.get(f"{API}/environments")).json() == {"environments": []}


async def test_two_people_do_not_see_each_other(portal: Running) -> None:
    """Another's build and environment are not there: for reading, following, stopping and on pages."""
    ann, bob = await portal.program("ann"), await portal.program("bob")
    build = await portal.begun(ann)
    digest = portal.agent.finish(build)
    await portal.reached(ann, build, state="ready")
    going = await portal.begun(ann)
    paths = [f"builds/{going}", f"builds/{build}/events", f"environments/{digest}", f"environments/{digest}/lock"]
    for path in paths:
        assert (await bob.get(f"{API}/{path}")).status_code == 404
    assert (await bob.post(f"{API}/builds/{going}/stop")).status_code == 404
    page = await bob.get(f"{PORTAL}builds/{going}")
    assert (page.status_code, REPOSITORY in page.text) == (404, False)
    assert (await bob.get(f"{API}/builds")).json() == {"builds": []}
    assert REPOSITORY not in (await bob.get(f"{PORTAL}environments")).text
    assert ("stop_build", going) not in portal.agent.calls


async def test_admins_and_services_see_all(portal: Running) -> None:
    """Whoever has JupyterHub's scope for admins, and services that have the one for the portal."""
    ann = await portal.program("ann")
    build = await portal.begun(ann)
    root = await portal.program("root", "access:services", "admin-ui")
    service = await portal.program("ann", "access:services!service=portal", kind="service")
    for caller in (root, service):
        assert [found["id"] for found in (await caller.get(f"{API}/builds")).json()["builds"]] == [build]
        assert (await caller.get(f"{API}/builds/{build}")).json()["person"] == "ann"
    assert (await service.post(f"{API}/builds", json={"repository": REPOSITORY})).json()["person"] == "service/ann"
    assert REPOSITORY not in (await root.get(f"{PORTAL}environments")).text


async def test_a_build_can_be_stopped(portal: Running) -> None:
    """The agent is told, the record ends as stopped, and a second stop changes nothing."""
    ann = await portal.program()
    build = await portal.begun(ann)
    assert (await ann.post(f"{API}/builds/{build}/stop")).status_code == 200
    await portal.reached(ann, build, state="stopped")
    calls = len(portal.agent.calls)
    assert (await ann.post(f"{API}/builds/{build}/stop")).json()["state"] == "stopped"
    assert len(portal.agent.calls) == calls


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
    """Nothing is lost when the agent restarts in between."""
    ann = await portal.program()
    build = await portal.begun(ann)
    portal.agent.step(build, BuildState.FETCHING, "one")
    await portal.reached(ann, build, state="fetching")
    portal.agent.break_streams()
    portal.agent.step(build, BuildState.RESOLVING, "two")
    await portal.reached(ann, build, state="resolving")
    portal.agent.finish(build)
    await portal.reached(ann, build, state="ready")


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


async def test_a_token_is_kept_nowhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """It reaches the agent, and is in no answer, log, page or file; a new portal finds the build without it."""
    caplog.set_level(logging.DEBUG)
    agent = world.agents["here"]
    async with world.portal() as first:
        ann = await first.program()
        build = await first.begun(ann, token="ghp-very-secret")
        answers = [await ann.get(path) for path in (f"{API}/builds/{build}", f"{PORTAL}builds/{build}")]
        wrong = await ann.post(f"{API}/builds", json={"repository": "ftp://x", "token": "ghp-very-secret"})
    assert agent.requests[build].token.get_secret_value() == "ghp-very-secret"
    assert wrong.status_code == 422
    assert not [answer for answer in (*answers, wrong) if "very-secret" in answer.text]
    assert "very-secret" not in caplog.text
    assert not [path for path in world.folder.rglob("*") if path.is_file() and b"very-secret" in path.read_bytes()]
    async with world.portal() as second:
        agent.finish(build)
        await second.reached(await second.program(), build, state="ready")


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


async def test_other_clusters_get_the_lock(world: World) -> None:
    """What one cluster resolved is the same on all others; one that is away gets it later."""
    west = FakeBuildAgent()
    west.reachable = False
    world.agents["west"] = west
    async with world.portal() as portal:
        ann = await portal.program()
        build = await portal.begun(ann)
        digest = portal.agent.finish(build)
        await until(lambda: ("put_environment", digest) in west.calls)
        west.reachable = True
        await until(lambda: west.locks == {digest: LOCK})
        assert portal.agent.locks == {}
        assert (await portal.begun(ann, cluster="west")) in west.requests


async def test_nobody_builds_without_end(portal: Running) -> None:
    """A sixth build at once is refused until one is over."""
    ann = await portal.program()
    builds = [await portal.begun(ann) for _ in range(5)]
    refused = await ann.post(f"{API}/builds", json={"repository": REPOSITORY})
    assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
    portal.agent.finish(builds[0])
    await portal.reached(ann, builds[0], state="ready")
    assert (await ann.post(f"{API}/builds", json={"repository": REPOSITORY})).status_code == 202
    assert (await (await portal.program("bob")).post(f"{API}/builds", json={"repository": REPOSITORY})).is_success


@pytest.mark.parametrize(
    "wrong",
    [
        {"repository": "git@github.com:ann/waves"},
        {"repository": "https://ann:pass@git.test/waves"},
        {"repository": "file:///etc"},
        {"repository": "https://git.test/a b"},
        {"repository": "https:///waves"},
        {"repository": "https://git.test:x/"},
        {"ref": "--upload-pack=evil"},
        {"ref": "a b"},
        {"ref": ""},
        {"packages_until": "yesterday"},
        {"cluster": "nowhere"},
        {"colour": "red"},
    ],
)
async def test_what_cannot_work_is_refused_at_once(portal: Running, wrong: dict[str, str]) -> None:
    """A problem names the field, and nothing is begun."""
    ann = await portal.program()
    answer = await ann.post(f"{API}/builds", json={"repository": REPOSITORY, **wrong})
    assert answer.status_code == 422
    assert next(iter(wrong)) in answer.json()["detail"] or next(iter(wrong.values())) in answer.json()["detail"]
    assert (await ann.get(f"{API}/builds")).json() == {"builds": []}


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


async def test_a_large_request_is_refused(portal: Running) -> None:
    """No form or call of ours is that long."""
    ann = await portal.program()
    answer = await ann.post(f"{API}/builds", json={"repository": "https://git.test/" + "x" * 70_000})
    assert answer.status_code == 413


async def test_the_description_names_each_route(portal: Running) -> None:
    """Programs find the API described, pages left out."""
    described = (await (await portal.browser()).get(f"{API}/openapi.json")).json()
    assert set(described["paths"]) == {
        f"{API}/{path}"
        for path in (
            "builds",
            "builds/{build}",
            "builds/{build}/events",
            "builds/{build}/stop",
            "environments",
            "environments/{digest}",
            "environments/{digest}/lock",
        )
    }
    assert "Problem" in described["components"]["schemas"]


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
