"""BinderHub's `/build` for people who do not sign in: what they get, and what other origins' pages may."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import httpx
import pytest

from hubfleet.protocol.builds import BuildState
from portals import ORIGIN, PORTAL, REPOSITORY, SERVICE_TOKEN, Browser, Running, World, until

pytestmark = pytest.mark.anyio
BUILD = f"/services/binder/build/git/{quote(REPOSITORY, safe='')}/main"
DOCS = "https://docs.example.org"


@pytest.fixture
async def portal(tmp_path: Path) -> AsyncIterator[Running]:
    """The portal of a hub with temporary servers, of which one page elsewhere may ask for."""
    world = World(tmp_path, settings={"anonymous": {"origins": [DOCS], "per_address": 3, "starts_per_hour": 5}})
    async with world.portal() as running:
        yield running


async def read(client: httpx.AsyncClient, path: str = BUILD, **headers: str) -> tuple[list[dict[str, Any]], Any]:
    """Read a stream up to the event after which clients close; return it with the answer's headers."""
    sent = {"Accept": "text/event-stream", "X-Forwarded-For": "192.0.2.1", **headers}
    async with asyncio.timeout(20), client.stream("GET", path, headers=sent) as answer:
        assert answer.status_code == 200
        told = []
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line.removeprefix("data: ")))
                if told[-1]["phase"] in {"ready", "failed"}:
                    break
        return told, answer.headers


async def launched(portal: Running, **headers: str) -> tuple[dict[str, Any], Any]:
    """Let a stranger launch the repository, and return the last event and the answer's headers."""
    before = set(portal.agent.requests)
    reading = asyncio.ensure_future(read(await portal.browser(), **headers))
    await until(lambda: reading.done() or set(portal.agent.requests) > before)
    if not reading.done():
        (build,) = set(portal.agent.requests) - before
        portal.agent.step(build, BuildState.FETCHING, "asking", commit="c" * 40)
        portal.agent.finish(build)
    told, answered = await reading
    return told[-1], answered


async def test_a_stranger_gets_a_server_and_a_token_for_it_alone(portal: Running) -> None:
    """Not the portal's own token, and a start with an empty home; the build was asked for without any token."""
    last, _ = await launched(portal)
    assert (last["phase"], last["url"]) == ("ready", "http://anonymous-1.ocean.localhost:8000/user/anonymous-1/"), last
    assert last["token"] != SERVICE_TOKEN
    hub = portal.world.hub
    assert hub.tokens[last["token"]]["scopes"] == ["access:servers!server=anonymous-1/"]
    options: Any = hub.users["anonymous-1"]
    assert options["servers"][""]["user_options"]["home"] == "fresh"
    (request,) = portal.agent.requests.values()
    assert request.token.get_secret_value() == ""


async def test_a_guests_token_opens_nothing_of_the_portal(portal: Running) -> None:
    """Neither environments nor builds nor promotions, nor a launch."""
    last, _ = await launched(portal)
    guest = await portal.browser()
    guest.headers["Authorization"] = f"token {last['token']}"
    for path in ("api/environments", "api/builds", "api/profiles", "environments"):
        assert (await guest.get(PORTAL + path)).status_code == 403
    promoted = await guest.post(f"{PORTAL}api/profiles/small/environment", json={"digest": "d" * 64})
    assert promoted.status_code == 403
    told, _ = await read(guest)
    assert (told[-1]["phase"], told[-1]["status_code"]) == ("failed", 403)


async def test_guests_leave_nothing_in_the_records(portal: Running) -> None:
    """Builds and environments of theirs go with them, and others' stay."""
    await portal.made("ann", lock="other==1 --hash=sha256:00\n")
    await launched(portal)
    admin = await portal.program("root", "access:services", "admin-ui")

    async def people() -> set[str]:
        builds = (await admin.get(f"{PORTAL}api/builds")).json()["builds"]
        environments = (await admin.get(f"{PORTAL}api/environments")).json()["environments"]
        return {item["person"] for item in builds} | {item["owner"] for item in environments}

    assert await people() == {"ann", "anonymous-1"}
    portal.world.hub.users["anonymous-1"]["servers"] = {}
    await until(lambda: "anonymous-1" not in portal.world.hub.users)
    with anyio.fail_after(20):
        while await people() != {"ann"}:
            await anyio.sleep(0.002)


async def test_who_gives_up_leaves_no_build_and_no_place(portal: Running) -> None:
    """A reader that goes away ends what was begun for it."""
    browser = await portal.browser()
    reading = asyncio.ensure_future(read(browser))
    await until(lambda: bool(portal.agent.requests))
    reading.cancel()
    (build,) = portal.agent.requests
    await until(lambda: ("stop_build", build) in portal.agent.calls)
    assert portal.world.hub.users == {}


async def test_only_pages_that_the_hub_names_read_the_answer(portal: Running) -> None:
    """By CORS and never with credentials; another origin's page gets nothing, and nothing is begun for it."""
    _, headers = await launched(portal, Origin=DOCS)
    assert (headers["access-control-allow-origin"], headers["vary"]) == (DOCS, "Origin")
    assert "access-control-allow-credentials" not in headers
    begun = len(portal.agent.requests)
    for sent in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        told, headers = await read(await portal.browser(), **sent)
        assert (told[-1]["phase"], told[-1]["status_code"]) == ("failed", 403), sent
        assert "access-control-allow-origin" not in headers
    assert len(portal.agent.requests) == begun


async def test_the_hubs_own_pages_need_not_be_named(portal: Running) -> None:
    """Its launch page asks as any program does."""
    last, headers = await launched(portal, Origin=ORIGIN, **{"Sec-Fetch-Site": "same-origin"})
    assert last["phase"] == "ready"
    assert "access-control-allow-origin" not in headers


async def test_who_brings_a_token_is_not_answered_to_other_origins(portal: Running) -> None:
    """Nor does the preflight let a page send one."""
    ann = await portal.program()
    _, headers = await read(ann, f"{BUILD.replace('/git/', '/zenodo/')}", Origin=DOCS)
    assert "access-control-allow-origin" not in headers
    asked = {"Origin": DOCS, "Access-Control-Request-Method": "GET"}
    answer = await ann.options(BUILD, headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, DOCS)
    assert "authorization" not in answer.headers["access-control-allow-headers"]
    evil = await ann.options(BUILD, headers={**asked, "Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in evil.headers


async def test_nothing_else_of_the_portal_is_answered_to_other_origins(portal: Running) -> None:
    """Not even to those that may ask for temporary servers."""
    ann = await portal.signed_in()
    for path in (f"{PORTAL}environments", f"{PORTAL}api/environments", f"{PORTAL}api/builds"):
        answer = await ann.get(path, headers={"Origin": DOCS})
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    begun = await ann.post(f"{PORTAL}api/builds", json={"repository": REPOSITORY}, headers={"Origin": DOCS})
    assert begun.status_code == 403


async def test_limits_are_events_with_a_plain_sentence(portal: Running) -> None:
    """As a BinderHub's are; what a client says of its own address counts for nothing."""
    for _ in range(3):
        assert (await launched(portal, **{"X-Forwarded-For": "203.0.113.9, 192.0.2.1"}))[0]["phase"] == "ready"
    last, _ = await launched(portal, **{"X-Forwarded-For": "203.0.113.10, 192.0.2.1"})
    assert (last["phase"], last["status_code"]) == ("failed", 429)
    assert last["message"].startswith("there are 3 temporary servers for your address already: ")


async def test_a_guest_cannot_only_build(portal: Running) -> None:
    """What a stranger lets be built is for their own server."""
    told, _ = await read(await portal.browser(), f"{BUILD}?build_only=true")
    assert (told[-1]["phase"], told[-1]["status_code"]) == ("failed", 403)


async def test_only_repositories_that_the_hub_takes(tmp_path: Path) -> None:
    """Whoever asks, and by whichever way."""
    settings = {"repositories": ["https://git.test/bob/*"], "anonymous": {}}
    async with World(tmp_path, settings=settings).portal() as portal:
        for caller in (await portal.browser(), await portal.program()):
            told, _ = await read(caller)
            assert (told[-1]["phase"], told[-1]["status_code"]) == ("failed", 403)
            assert "does not take this repository" in told[-1]["message"]
        begun = await (await portal.program()).post(f"{PORTAL}api/builds", json={"repository": REPOSITORY})
        assert begun.status_code == 403
        assert portal.agent.requests == {}


LINK = f"/services/binder/v2/git/{quote(REPOSITORY, safe='')}/main?labpath=a%20b.ipynb"


async def shown(browser: Browser) -> tuple[str, httpx.Response]:
    """Follow the link to the page that says what it starts, and return its address and it."""
    led = await browser.get(LINK)
    assert led.status_code == 302
    return led.headers["location"], await browser.get(led.headers["location"])


async def test_a_link_shows_what_it_starts_and_starts_nothing(portal: Running) -> None:
    """To who is not signed in: repository, ref, and what its code reaches."""
    browser = await portal.browser()
    _, page = await shown(browser)
    assert page.status_code == 200
    assert all(
        text in page.text for text in (REPOSITORY, "main", "Open it", "no home, no shared folders", "10 minutes")
    )
    assert "data-stream" not in page.text
    assert portal.agent.requests == {}


async def test_the_button_leads_to_the_page_that_asks(portal: Running) -> None:
    """By a form of this browser's; what opens first is below the server's own address."""
    browser = await portal.browser()
    address, page = await shown(browser)
    fields = {"_xsrf": browser.form_token(page)}
    answer = await browser.post(address, data=fields, headers={"Origin": ORIGIN})
    assert answer.status_code == 200
    assert f'data-stream="{BUILD}"' in answer.text
    assert 'data-page="doc/tree/a b.ipynb"' in answer.text


@pytest.mark.parametrize(
    ("origin", "token"), [(ORIGIN, ""), (ORIGIN, "made.up"), (DOCS, None), ("https://evil.example", None)]
)
async def test_a_forged_button_does_nothing(portal: Running, origin: str, token: str | None) -> None:
    """Neither from another site, though it may ask for servers, nor without this browser's own token."""
    browser = await portal.browser()
    address, page = await shown(browser)
    fields = {"_xsrf": browser.form_token(page) if token is None else token}
    answer = await browser.post(address, data=fields, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "data-stream" not in answer.text


async def test_who_is_signed_in_gets_the_form(portal: Running) -> None:
    """With their own home to choose, as on hubs without guests."""
    ann = await portal.signed_in()
    _, page = await shown(ann)
    assert page.status_code == 302
    assert page.headers["location"].startswith(f"{PORTAL}environments?repository=https%3A%2F%2Fgit.test%2Fann%2Fwaves&")
    assert page.headers["location"].endswith("&open=a+b.ipynb#new")


async def test_without_the_mode_there_is_no_such_page(tmp_path: Path) -> None:
    """A link leads to the form, which asks to sign in."""
    async with World(tmp_path).portal() as portal:
        browser = await portal.browser()
        assert (await browser.get(LINK)).headers["location"].startswith(f"{PORTAL}environments?")
        assert (await browser.get(f"{PORTAL}visit?link=gh/ann/waves/main")).status_code == 403
