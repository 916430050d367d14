"""Profiles get environments by who may, one after the other, and go back; the hub is told, and clusters keep them."""

import asyncio

import httpx
import pytest

from hubfleet.model.access import PROMOTE
from hubfleet.portal.features.builds.profiles import Profiles
from hubfleet.protocol.builds import BuildState
from hubfleet.testing.builds import DIGEST, LOCK, FakeBuildAgent
from portals import ACCESS, PORTAL, Browser, Running, World, until

pytestmark = pytest.mark.anyio
API = f"{PORTAL}api"
OTHER = "pandas==2.3.0 --hash=sha256:" + "1" * 64 + "\n"
UNKNOWN = "0123456789abcdef" * 4


async def promoted(caller: Browser, digest: str, profile: str = "small", **headers: str) -> httpx.Response:
    return await caller.post(f"{API}/profiles/{profile}/environment", json={"digest": digest}, headers=headers)


async def back(caller: Browser, profile: str = "small", **headers: str) -> httpx.Response:
    return await caller.post(f"{API}/profiles/{profile}/environment", json={"previous": True}, headers=headers)


async def has(caller: Browser, profile: str = "small") -> httpx.Response:
    return await caller.get(f"{API}/profiles/{profile}/environment")


async def test_a_promotion_and_the_way_back(portal: Running) -> None:
    """Each answer says what the profile has and would go back to; at the beginning there is nothing to go back to."""
    one, two = await portal.made(), await portal.made(lock=OTHER)
    ci = await portal.promoter()
    first = (await promoted(ci, one)).json()
    assert (first["now"]["digest"], first["previous"], first["changed"]) == (one, None, True)
    second = (await promoted(ci, two)).json()
    assert (second["now"]["digest"], second["previous"]["digest"]) == (two, one)
    assert (await back(ci)).json()["now"]["digest"] == one
    assert (await back(ci)).json()["now"]["digest"] == ""
    refused = await back(ci)
    assert (refused.status_code, "nothing to go back to" in refused.json()["detail"]) == (409, True)
    history = (await has(ci)).json()["history"]
    assert [(step["digest"], step["by"], step["back"]) for step in history] == [
        ("", "ann", True),
        (one, "ann", True),
        (two, "ann", False),
        (one, "ann", False),
    ]


async def test_the_build_that_it_came_from_is_told(portal: Running) -> None:
    """The newest of the caller's that led to it."""
    ann = await portal.program()
    digest = await portal.made()
    await portal.made()
    newest = (await ann.get(f"{API}/builds")).json()["builds"][0]["id"]
    assert (await promoted(await portal.promoter(), digest)).json()["now"]["build"] == newest


@pytest.mark.parametrize("scopes", [[ACCESS], [ACCESS, "self"]])
async def test_who_has_not_the_scope_is_refused(portal: Running, scopes: list[str]) -> None:
    """Of all doors: read, promote, go back, list and pages; the answer names the scope."""
    digest = await portal.made()
    caller = await portal.program("ann", *scopes)
    for answer in (
        await promoted(caller, digest),
        await back(caller),
        await has(caller),
        await caller.get(f"{API}/profiles"),
    ):
        assert (answer.status_code, PROMOTE in answer.json()["hint"]) == (403, True)
    assert (await caller.get(f"{PORTAL}profiles")).status_code == 403
    assert (await caller.get(f"{PORTAL}profiles/small")).status_code == 403
    assert "Use it for" not in (await caller.get(f"{PORTAL}environments/{digest}")).text


async def test_an_admin_may_without_it(portal: Running) -> None:
    """And with everybody's environments, while a token for promotions reaches its own person's only."""
    digest = await portal.made()
    assert (await promoted(await portal.promoter("bob"), digest)).status_code == 404
    assert (await promoted(await portal.program("root", ACCESS, "admin-ui"), digest)).status_code == 200


@pytest.mark.parametrize(
    ("profile", "digest", "status", "words"),
    [
        ("huge", DIGEST, 404, "no profile 'huge'"),
        ("small", UNKNOWN, 404, "no environment 0123456789ab"),
        ("small", "ghcr.io/ann/waves@sha256:" + "0" * 64, 422, "OCI images are not supported"),
        ("small", "ubuntu:24.04", 422, "OCI images are not supported"),
        ("small", "waves", 422, "64 digits"),
        ("small", "", 422, "give either a digest"),
        ("small", "x" * 501, 422, "at most 500"),
    ],
)
async def test_what_cannot_be_promoted_is_refused(
    portal: Running, profile: str, digest: str, status: int, words: str
) -> None:
    """By name, and the profile has what it had."""
    await portal.made()
    ci = await portal.promoter()
    answer = await promoted(ci, digest, profile)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
    assert (await has(ci)).json()["now"] is None


async def test_an_unknown_profile_is_answered_with_those_that_there_are(portal: Running) -> None:
    """In reading too."""
    answer = await has(await portal.promoter(), "huge")
    assert (answer.status_code, answer.json()["hint"]) == (404, "known: small, large")


async def test_an_environment_that_is_not_ready_says_so(portal: Running) -> None:
    """While its build goes on, and after it failed."""
    ci = await portal.promoter()
    build = await portal.begun(ci)
    portal.agent.step(build, BuildState.RESOLVING, digest=DIGEST)
    await portal.reached(ci, build, state="resolving")
    portal.agent.step(build, BuildState.REALISING, "installing", digest=DIGEST)
    await portal.reached(ci, build, state="realising", digest=DIGEST)
    going = await promoted(ci, DIGEST)
    assert (going.status_code, "its build goes on" in going.json()["detail"]) == (409, True), going.text
    portal.agent.step(build, BuildState.FAILED, "no room", digest=DIGEST)
    await portal.reached(ci, build, state="failed")
    failed = await promoted(ci, DIGEST)
    assert (failed.status_code, failed.json()["hint"]) == (409, "no room"), failed.text


async def test_the_same_again_changes_nothing(portal: Running) -> None:
    """Also with a tag that is old by then: the answer to the first call may have been lost."""
    digest = await portal.made()
    ci = await portal.promoter()
    tag = (await has(ci)).headers["etag"]
    assert (await promoted(ci, digest, **{"If-Match": tag})).json()["changed"]
    again = await promoted(ci, digest, **{"If-Match": tag})
    assert (again.status_code, again.json()["changed"]) == (200, False)
    assert len((await has(ci)).json()["history"]) == 1


async def test_two_who_promote_do_not_undo_one_another(portal: Running) -> None:
    """Who looked before the other promoted is refused, even when the profile has again what it had then."""
    one, two = await portal.made(), await portal.made(lock=OTHER)
    ci = await portal.promoter()
    await promoted(ci, one)
    seen = (await has(ci)).headers["etag"]
    await promoted(ci, two)
    await back(ci)
    for late in (await promoted(ci, two, **{"If-Match": seen}), await back(ci, **{"If-Match": seen})):
        assert (late.status_code, "was changed meanwhile, by ann" in late.json()["detail"]) == (412, True), late.text
    now = await has(ci)
    assert now.json()["now"]["digest"] == one
    assert (await promoted(ci, two, **{"If-Match": now.headers["etag"]})).status_code == 200


async def test_the_hub_is_told_which_profiles_have_which(portal: Running) -> None:
    """With the next document; a profile that went back to the hub's file is no longer in it."""
    digest = await portal.made()
    hub, ci = await portal.program("hubfleet-hub", kind="service"), await portal.promoter()
    before = await hub.get(f"{API}/document")
    assert before.json()["profiles"] == []
    await promoted(ci, digest, "large")
    told = await hub.get(f"{API}/document", headers={"If-None-Match": before.headers["etag"]})
    assert told.json()["profiles"] == [{"profile": "large", "digest": digest, "name": "waves"}]
    await back(ci, "large")
    assert (await hub.get(f"{API}/document")).json()["profiles"] == []


async def test_what_the_hubs_file_has_no_more_is_not_told(world: World) -> None:
    """A profile that was removed takes nothing else with it, and has its environment again when it is back."""
    async with world.portal() as portal:
        digest = await portal.made()
        await promoted(await portal.promoter(), digest)
    world.settings["profiles"] = {"large": "Large"}
    async with world.portal() as portal:
        hub = await portal.program("hubfleet-hub", kind="service")
        assert (await hub.get(f"{API}/document")).json()["profiles"] == []
    world.settings["profiles"] = {"small": "Small"}
    async with world.portal() as portal:
        hub = await portal.program("hubfleet-hub", kind="service")
        assert [item["digest"] for item in (await hub.get(f"{API}/document")).json()["profiles"]] == [digest]


async def test_a_deleted_environment_stays_with_its_profile(portal: Running) -> None:
    """Its owner's list is theirs to tidy; the profile, the way back, and its lock for clusters are not."""
    digest = await portal.made()
    ci = await portal.promoter()
    await promoted(ci, digest)
    assert (await (await portal.program()).delete(f"{API}/environments/{digest}")).status_code == 204
    hub = await portal.program("hubfleet-hub", kind="service")
    assert [item["digest"] for item in (await hub.get(f"{API}/document")).json()["profiles"]] == [digest]
    assert (await hub.put(f"{API}/clusters/here/environments/{digest}")).status_code == 204
    assert portal.agent.locks == {digest: LOCK}


async def test_clusters_are_asked_again_and_again_for_what_profiles_have(world: World) -> None:
    """At once, later, and by the next portal too, so that no cluster tidies it away; never for others."""
    async with world.portal() as portal:
        digest, ci = await portal.made(), await portal.promoter()
        await portal.made(lock=OTHER)
        await promoted(ci, digest)
        for _ in range(2):
            portal.agent.locks.clear()
            await until(lambda: bool(world.agents["here"].locks))
    world.agents["here"] = lost = FakeBuildAgent()
    async with world.portal():
        await until(lambda: bool(lost.locks))
        assert lost.locks == {digest: LOCK}


async def test_clusters_make_ready_at_once_what_is_promoted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a cluster tidied away long ago is made before the first start wants it; the same for the way back."""
    monkeypatch.setattr(Profiles, "keep", lambda _: asyncio.sleep(0))
    async with world.portal() as portal:
        one, two = await portal.made(), await portal.made(lock=OTHER)
        ci = await portal.promoter()
        for digest in (one, two):
            await promoted(ci, digest)
            await until(lambda digest=digest: digest in portal.agent.locks)
        portal.agent.locks.clear()
        await back(ci)
        await until(lambda: one in portal.agent.locks)


async def test_the_hub_lets_a_lost_environment_be_sent(world: World) -> None:
    """To one cluster, before a start; for the hub alone, and with an answer where it cannot be."""
    world.agents["west"] = FakeBuildAgent()
    async with world.portal() as portal:
        digest = await portal.made()
        await until(lambda: bool(world.agents["west"].locks))
        hub = await portal.program("hubfleet-hub", kind="service")
        assert (await hub.put(f"{API}/clusters/here/environments/{digest}")).status_code == 204
        assert portal.agent.locks == {digest: LOCK}
        for path in (f"clusters/moon/environments/{digest}", f"clusters/here/environments/{UNKNOWN}"):
            assert (await hub.put(f"{API}/{path}")).status_code == 404
        portal.agent.reachable = False
        assert (await hub.put(f"{API}/clusters/here/environments/{digest}")).status_code == 503
        ann = await portal.program()
        assert (await ann.put(f"{API}/clusters/here/environments/{digest}")).status_code == 403


async def test_pages_promote_and_go_back(portal: Running) -> None:
    """By the buttons that they show, to who may by their cookie."""
    one, two = await portal.made(), await portal.made(lock=OTHER)
    browser = await portal.signed_in("ann", ACCESS, PROMOTE)
    assert f'href="{PORTAL}profiles"' in (await browser.get(f"{PORTAL}environments")).text
    for digest in (one, two):
        page = await browser.get(f"{PORTAL}environments/{digest}")
        assert "Use it for Small" in page.text
        answer = await browser.send_form(
            "profiles/environment", browser.form_token(page), profile="small", digest=digest
        )
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PORTAL}profiles")
    assert "Use it for Small" not in (await browser.get(f"{PORTAL}environments/{two}")).text
    page = await browser.get(f"{PORTAL}profiles")
    assert f"Go back to waves {one[:12]}" in page.text
    await browser.send_form("profiles/environment", browser.form_token(page), profile="small", previous="yes")
    history = (await browser.get(f"{PORTAL}profiles/small")).text
    assert (history.count(one[:12]), history.count(two[:12]), "(gone back)" in history) == (6, 2, True)


async def test_a_page_that_was_open_meanwhile_undoes_nothing(portal: Running) -> None:
    """It shows what the profile has now, and says why nothing was changed."""
    one, two = await portal.made(), await portal.made(lock=OTHER)
    browser, ci = await portal.signed_in("root", ACCESS, "admin-ui"), await portal.promoter()
    await promoted(ci, one)
    page = await browser.get(f"{PORTAL}profiles")
    tag = (await has(ci)).headers["etag"]
    await promoted(ci, two)
    late = {"profile": "small", "previous": "yes", "tag": tag}
    answer = await browser.send_form("profiles/environment", browser.form_token(page), **late)
    assert (answer.status_code, "was changed meanwhile" in answer.text) == (412, True)
    assert (await has(ci)).json()["now"]["digest"] == two


async def test_no_other_sites_form_promotes(portal: Running) -> None:
    """Neither the page's route nor the API takes a cookie alone."""
    digest = await portal.made()
    browser = await portal.signed_in("root", ACCESS, "admin-ui")
    sent = {"profile": "small", "digest": digest}
    assert (await browser.send_form("profiles/environment", "x.y", **sent)).status_code == 403
    assert (await browser.get(f"{PORTAL}profiles/environment")).status_code == 404
    assert (await promoted(browser, digest)).status_code == 403
    assert (await has(browser)).json()["now"] is None
