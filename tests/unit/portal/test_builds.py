"""Builds become environments, for whom they are and for nobody else."""

import asyncio
import logging

import pytest
from pydantic import ValidationError

from hubfleet.portal.features.builds.views import NewBuild
from hubfleet.protocol.builds import BuildState
from hubfleet.testing.builds import DIGEST, LOCK, FakeBuildAgent
from portals import PORTAL, REPOSITORY, Running, World, until

pytestmark = pytest.mark.anyio
API = f"{PORTAL}api"


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


async def test_the_cluster_is_told_where_conda_packages_are_from(world: World) -> None:
    """As the hub's file says."""
    world.settings = {"conda": "pypi"}
    async with world.portal() as portal:
        build = await portal.begun(await portal.program())
        assert portal.agent.requests[build].conda == "pypi"


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
        {"repository": "git@git.test:ann/waves"},
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
            "clusters/{cluster}/environments/{digest}",
            "profiles",
            "profiles/{profile}/environment",
            "builds/{build}/events",
            "builds/{build}/stop",
            "document",
            "environments",
            "environments/{digest}",
            "environments/{digest}/lock",
            "environments/{digest}/exports/{form}",
            "files",
            "files/{brought}",
        )
    }
    assert "Problem" in described["components"]["schemas"]


async def test_a_call_may_wait_for_the_end(portal: Running) -> None:
    """One answer with the digest is all that a program needs; 200 says that it is over, 202 that it goes on."""
    ann = await portal.program()
    asked = asyncio.ensure_future(ann.post(f"{API}/builds?wait_s=20", json={"repository": REPOSITORY}))
    await until(lambda: any(name == "build_events" for name, _ in portal.agent.calls))
    assert not asked.done()
    digest = portal.agent.finish(next(iter(portal.agent.requests)))
    answer = await asked
    assert (answer.status_code, answer.json()["state"], answer.json()["digest"]) == (200, "ready", digest)
    late = await ann.post(f"{API}/builds?wait_s=0.01", json={"repository": REPOSITORY})
    assert (late.status_code, late.json()["ended"]) == (202, None)
    path = f"{API}/builds/{late.json()['id']}"
    assert (await ann.get(f"{path}?wait_s=0.01")).json()["ended"] is None
    await until(lambda: ("build_events", late.json()["id"]) in portal.agent.calls)
    portal.agent.finish(late.json()["id"])
    assert (await ann.get(f"{path}?wait_s=20")).json()["digest"] == digest
    assert (await ann.get(f"{path}?wait_s=1801")).status_code == 422


def test_a_doi_is_an_address() -> None:
    """However it was pasted, records and lists have one address for it."""
    assert NewBuild(repository="doi:10.5281/zenodo.1").repository == "https://doi.org/10.5281/zenodo.1"
    with pytest.raises(ValidationError, match="no DOI"):
        NewBuild(repository="10.5281/../x")
