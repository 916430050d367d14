"""BinderHub's routes: who may build by them, and what they tell whom."""

import asyncio
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from hubfleet.protocol.builds import BuildState
from portals import PORTAL, REPOSITORY, Running, until

pytestmark = pytest.mark.anyio
BINDER = "/services/binder"
SPEC = f"git/{quote(REPOSITORY, safe='')}/main"
STREAM = {"Accept": "text/event-stream"}


async def phases(client: httpx.AsyncClient, path: str, **headers: str) -> list[dict[str, Any]]:
    """Read a stream up to the event after which BinderHub's clients close."""
    told = []
    async with client.stream("GET", f"{BINDER}/build/{path}", headers={**STREAM, **headers}) as answer:
        assert answer.status_code == 200
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line.removeprefix("data: ")))
                if told[-1]["phase"] in {"ready", "failed"}:
                    return told
    return told


async def test_a_build_alone_ends_with_the_environments_name(portal: Running) -> None:
    """Each step is told by BinderHub's phases; the name is one that a start understands."""
    ann = await portal.program()
    reading = asyncio.ensure_future(phases(ann, f"{SPEC}?build_only=true"))
    await until(lambda: bool(portal.agent.requests))
    (build,) = portal.agent.requests
    assert portal.agent.requests[build].ref == "main"
    portal.agent.step(build, BuildState.FETCHING, "asking")
    digest = portal.agent.finish(build)
    told = await reading
    assert [item["phase"] for item in told][-2:] == ["built", "ready"]
    assert {"phase": "fetching", "message": "asking\n"} in told
    assert told[-1]["imageName"] == f"env:{digest}"


async def test_a_build_that_fails_ends_the_stream(portal: Running) -> None:
    """With the reason, once."""
    ann = await portal.program()
    reading = asyncio.ensure_future(phases(ann, SPEC))
    await until(lambda: bool(portal.agent.requests))
    (build,) = portal.agent.requests
    portal.agent.step(build, BuildState.FAILED, "no version fits")
    told = await reading
    assert [item["phase"] for item in told].count("failed") == 1
    assert "no version fits" in told[-1]["message"]


async def test_nobody_builds_by_a_cookie_or_without_a_token(portal: Running) -> None:
    """What a browser sends by itself begins nothing, and the refusal is an event that clients can read."""
    browser = await portal.browser()
    told = await phases(browser, SPEC)
    assert (told[0]["phase"], told[0]["status_code"]) == ("failed", 403)
    assert portal.agent.requests == {}


async def test_a_request_that_reads_no_events_is_refused(portal: Running) -> None:
    """As a BinderHub does."""
    ann = await portal.program()
    answer = await ann.get(f"{BINDER}/build/{SPEC}", headers={"Accept": "text/html"})
    assert answer.status_code == 400


async def test_a_link_leads_to_the_form_with_its_fields(portal: Running) -> None:
    """And begins nothing."""
    ann = await portal.program()
    answer = await ann.get(f"{BINDER}/v2/gh/ann/waves/feature/x?labpath=a/b%20c.ipynb", follow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["location"] == (
        f"{PORTAL}environments?repository=https%3A%2F%2Fgithub.com%2Fann%2Fwaves&ref=feature%2Fx"
        "&then=start&open=a%2Fb+c.ipynb#new"
    )
    assert portal.agent.requests == {}


async def test_what_pages_elsewhere_ask_is_open(portal: Running) -> None:
    """Versions and kinds of repositories hold no secret."""
    ann = await portal.program()
    for path in ("versions", "api/repoproviders", "_config"):
        answer = await ann.get(f"{BINDER}/{path}")
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert (await ann.get(f"{BINDER}/health")).json()["ok"] is True
