"""Pages answer the person's question, without JavaScript, and trust nothing that anybody wrote."""

import json
import re

import pytest

from hubfleet.errors import RefusedError
from hubfleet.protocol.builds import BuildState
from portals import PORTAL, REPOSITORY, Running, World

pytestmark = pytest.mark.anyio
ENVIRONMENTS = f"{PORTAL}environments"
EVIL = "https://git.test/<script>alert(1)</script>'\"&"


async def test_an_empty_page_says_what_to_do(portal: Running) -> None:
    """Who has nothing yet is told how to get something, and needs no search."""
    page = await (await portal.signed_in()).get(ENVIRONMENTS)
    assert "You have none yet" in page.text
    assert "Nothing was built yet" in page.text
    assert 'type="search"' not in page.text


async def test_pages_look_like_the_hubs(portal: Running) -> None:
    """They have its name, bar, styles and sign-out, and mark where people are."""
    page = await (await portal.signed_in()).get(ENVIRONMENTS)
    for part in ("Ocean Lab", "/hub/static/css/style.min.css", 'href="/hub/home"', 'href="/hub/logout"', "#b8470f"):
        assert part in page.text
    assert 'href="/hub/admin"' not in page.text
    admins = await (await portal.signed_in("root", "access:services", "admin-ui")).get(ENVIRONMENTS)
    assert 'href="/hub/admin"' in admins.text


async def test_the_form_works_from_start_to_link(portal: Running) -> None:
    """It leads to the build's page, which follows by itself, and ends with a way to start a server."""
    browser = await portal.signed_in()
    token = browser.form_token(await browser.get(ENVIRONMENTS))
    begun = await browser.send_form("builds", token, repository=f" {REPOSITORY} ", ref="", packages_until="commit")
    build = begun.headers["location"].rpartition("/")[2]
    page = await browser.get(begun.headers["location"])
    assert '<noscript><meta http-equiv="refresh"' in page.text
    assert f'data-events="{PORTAL}api/builds/{build}/events"' in page.text
    assert "Being made" in (await browser.get(ENVIRONMENTS)).text
    await portal.reached(browser, build, state="queued")
    while build not in portal.agent.requests:
        await portal.reached(browser, build)
    portal.agent.step(build, BuildState.RESOLVING, "choosing numpy")
    digest = portal.agent.finish(build)
    await portal.reached(browser, build, state="ready")
    ready = await browser.get(begun.headers["location"])
    assert (
        f'href="/hub/spawn?environment={digest}&amp;repository=https%3A%2F%2Fgit.test%2Fann%2Fwaves&amp;commit='
        in ready.text
    )
    assert "choosing numpy" in ready.text
    assert 'http-equiv="refresh"' not in ready.text
    listed = await browser.get(ENVIRONMENTS)
    assert f'href="/hub/spawn?environment={digest}"' in listed.text
    assert "Being made" not in listed.text


async def test_a_build_on_the_way_to_a_start_leads_back_to_it(portal: Running) -> None:
    """From the spawn page's link over the form and the build to the prefilled form; by no link does anything begin."""
    browser = await portal.signed_in()
    form = await browser.get(f"{ENVIRONMENTS}?then=start&repository={REPOSITORY}")
    assert f'action="{PORTAL}builds?then=start"' in form.text
    assert (await browser.get(f"{PORTAL}api/builds")).json() == {"builds": []}
    token = browser.form_token(form)
    wrong = await browser.send_form("builds?then=start", token, repository="x")
    assert f'action="{PORTAL}builds?then=start"' in wrong.text
    begun = await browser.send_form("builds?then=start&open=one.ipynb", token, repository=REPOSITORY)
    assert begun.headers["location"].endswith("?then=start&open=one.ipynb")
    build = begun.headers["location"].rpartition("/")[2].partition("?")[0]
    assert (
        "this page leads on to the form that starts your server" in (await browser.get(begun.headers["location"])).text
    )
    while build not in portal.agent.requests:
        await portal.reached(browser, build)
    digest = portal.agent.finish(build)
    await portal.reached(browser, build, state="ready")
    ready = await browser.get(begun.headers["location"])
    (leads,) = re.findall(r'href="([^"]*)" id="build-then"', ready.text)
    assert leads.startswith(f"/hub/spawn?environment={digest}&amp;repository=")
    assert leads.endswith("&amp;open=one.ipynb")
    assert "static/lead.js" in ready.text
    plain = await browser.get(f"{PORTAL}builds/{build}")
    assert "static/lead.js" not in plain.text


async def test_a_day_can_be_chosen(portal: Running) -> None:
    """The form's two fields make one wish."""
    browser = await portal.signed_in()
    token = browser.form_token(await browser.get(ENVIRONMENTS))
    fields = {"repository": REPOSITORY, "packages_until": "date", "date": "2026-01-31"}
    assert (await browser.send_form("builds", token, **fields)).status_code == 303
    (build,) = (await browser.get(f"{PORTAL}api/builds")).json()["builds"]
    assert build["packages_until"] == "2026-01-31"
    without = await browser.send_form("builds", token, repository=REPOSITORY, packages_until="date", date="")
    assert without.status_code == 422


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("repository", "git.test/waves"),
        ("repository", ""),
        ("ref", "-x"),
        ("packages_until", "soon"),
        ("cluster", "nowhere"),
    ],
)
async def test_a_wrong_field_is_said_beside_it(world: World, field: str, value: str) -> None:
    """What was given stays, but for the token, and nothing is begun."""
    world.agents["west"] = type(world.agents["here"])()
    async with world.portal() as portal:
        browser = await portal.signed_in()
        token = browser.form_token(await browser.get(ENVIRONMENTS))
        fields = {"repository": REPOSITORY, "ref": "main", "token": "ghp-secret", field: value}
        page = await browser.send_form("builds", token, **fields)
        assert page.status_code == 422
        assert f'id="wrong-{field}"' in page.text
        assert "ghp-secret" not in page.text
        assert ('value="main"' in page.text) == (field != "ref")
        assert (await browser.get(f"{PORTAL}api/builds")).json() == {"builds": []}


async def test_a_failed_build_can_be_tried_again(portal: Running) -> None:
    """Its page says why and what to do, and a private one asks for its token again."""
    browser = await portal.signed_in()
    token = browser.form_token(await browser.get(ENVIRONMENTS))
    portal.agent.refusal = RefusedError("no such repository", status=422, hint="see its address")
    begun = await browser.send_form("builds", token, repository=REPOSITORY, ref="main", token="ghp-1")
    await portal.reached(browser, begun.headers["location"].rpartition("/")[2], state="failed")
    page = await browser.get(begun.headers["location"])
    for part in ("The build failed", "No such repository.", "See its address.", "Try again", 'name="token"'):
        assert part in page.text


async def test_nothing_that_people_write_is_taken_for_html(portal: Running) -> None:
    """Neither a repository's address, a tool's line, a search nor a name."""
    browser = await portal.signed_in("</script><b>")
    token = browser.form_token(await browser.get(ENVIRONMENTS))
    begun = await browser.send_form("builds", token, repository=EVIL)
    build = begun.headers["location"].rpartition("/")[2]
    while build not in portal.agent.requests:
        await portal.reached(browser, build)
    portal.agent.step(build, BuildState.FAILED, "<img src=x onerror=alert(1)>", hint="<b>")
    await portal.reached(browser, build, state="failed")
    for path in (begun.headers["location"], f"{ENVIRONMENTS}?search=<script>alert", ENVIRONMENTS):
        page = await browser.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "</script><b>" not in page.text


async def test_a_long_list_has_a_search(portal: Running) -> None:
    """Past twenty rows; what is searched for has an address that can be kept."""
    service = await portal.program("ann")
    for number in range(21):
        build = await portal.begun(service, repository=f"https://git.test/tide{number}")
        portal.agent.finish(build, lock=f"tide=={number}\n")
        await portal.reached(service, build, state="ready")
    browser = await portal.signed_in("ann")
    assert 'type="search"' in (await browser.get(ENVIRONMENTS)).text
    found = await browser.get(f"{ENVIRONMENTS}?search=TIDE20")
    assert found.text.count("Start a server</a>") == 1
    nothing = await browser.get(f"{ENVIRONMENTS}?search=storm")
    assert "No environment of yours has" in nothing.text


@pytest.mark.parametrize("path", ["nothing", "builds/not-a-number", f"builds/{'0' * 8}-{'0' * 4}-4000-8000-{'0' * 12}"])
async def test_a_page_that_is_not_there_says_so(portal: Running, path: str) -> None:
    """In words, and with a way on."""
    page = await (await portal.signed_in()).get(PORTAL + path)
    assert page.status_code == 404
    assert "There is nothing here" in page.text
    assert f'href="{ENVIRONMENTS}"' in page.text


async def test_a_form_sent_after_signing_out_says_so(portal: Running) -> None:
    """It is not led away, which would lose what was written without a word."""
    browser = await portal.signed_in()
    token = browser.form_token(await browser.get(ENVIRONMENTS))
    portal.world.hub.tokens.clear()
    portal.world.clock.advance(6)
    page = await browser.send_form("builds", token, repository=REPOSITORY)
    assert page.status_code == 401
    assert "You are signed out" in page.text


async def test_scripts_come_from_the_portal(portal: Running) -> None:
    """Small modules, which anybody may read."""
    browser = await portal.browser()
    for name in ("build.js", "lead.js", "times.js"):
        answer = await browser.get(f"{PORTAL}static/{name}")
        assert answer.status_code == 200
        assert "javascript" in answer.headers["content-type"]
    assert (await browser.get(f"{PORTAL}static/../templates/page.html")).status_code == 404


async def test_what_is_away_is_told_in_the_readers_form(portal: Running) -> None:
    """An unknown path of the API is a problem, not a page."""
    answer = await (await portal.program()).get(f"{PORTAL}api/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert json.loads(answer.text)["status"] == 404
