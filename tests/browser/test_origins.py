"""With user subdomains, whatever one person's server serves can act neither on the hub nor on another's server.

The page below is answered by the test in the place of the attacker's own server, which may serve whatever it likes;
cookies, origins and all that the page asks for are the browser's, the hubs' and the victim's server's own.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from browser.people import Visitor, visit
from browser.servers import stop
from hubfleet.protocol.messages import StopReason
from machines import Machine

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.xdist_group("browser")]

ATTACK = """async target => {
    const tries = [{}, {method: "POST", body: "{}"}, {method: "DELETE"},
                   {method: "POST", body: "{}", headers: {"Content-Type": "application/json"}},
                   {method: "POST", body: "{}", mode: "no-cors"}]
    const got = []
    for (const given of tries) {
        try {
            const answer = await fetch(target, {credentials: "include", ...given})
            got.push(answer.type == "opaque" ? "" : await answer.text())
        } catch (error) { got.push("") }
    }
    return got.join("")
}"""
SEND = """([action, fields]) => {
    const form = Object.assign(document.createElement("form"), {action, method: "post"})
    for (const [name, value] of Object.entries(fields)) {
        form.append(Object.assign(document.createElement("input"), {name, value}))
    }
    document.body.append(form)
    form.submit()
}"""
TOSS = """domain => {
    for (const path of ["/", "/hub/", "/user/sam/"]) {
        document.cookie = `_xsrf=tossed; domain=${domain}; path=${path}`
    }
}"""


@pytest.fixture(scope="module")
def victim(chrome: Browser, fleet: Machine) -> Iterator[Visitor]:
    """Give somebody who is signed in, whose server runs, and who has opened the attacker's page too."""
    visitor = visit(chrome, fleet, "ocean")
    visitor.sign_in("sam", to="/hub/spawn")
    visitor.start()
    evil = re.compile(r"/user/ana/evil\.html")
    visitor.context.route(evil, lambda route: route.fulfill(content_type="text/html", body="<h1>Come in</h1>"))
    yield visitor
    visitor.context.close()
    stop(fleet, "ocean", "sam", StopReason.PERSON)


def attacker_page(victim: Visitor) -> None:
    """Open the attacker's page in the victim's browser."""
    victim.page.goto(f"http://ana.ocean.localhost:{victim.machine.port}/user/ana/evil.html")
    expect(victim.page.get_by_role("heading", name="Come in")).to_be_visible()


def state(victim: Visitor) -> tuple[list[Any], list[Any]]:
    """Return the victim's tokens, by their notes, and kernels, as the victim sees them."""
    with_cookies = victim.context.new_page()
    with_cookies.goto(f"{victim.own_url}api/kernels")
    kernels = json.loads(with_cookies.inner_text("body"))
    with_cookies.goto(f"{victim.url}/hub/token")
    tokens = with_cookies.locator(".token-row").all_inner_texts()
    with_cookies.close()
    return [kernel["id"] for kernel in kernels], [text.split("\t")[0] for text in tokens]


@pytest.mark.parametrize(
    "target",
    [
        "{hub}/hub/api/user",
        "{hub}/hub/api/users/sam/tokens",
        "{hub}/hub/api/users/sam/server",
        "{hub}/hub/home",
        "{server}api/kernels",
        "{server}api/contents/",
        "{server}lab",
    ],
)
def test_scripts_of_another_persons_page_read_and_change_nothing(victim: Visitor, target: str) -> None:
    """No request with the victim's cookies gives the page an answer or has an effect."""
    before = state(victim)
    attacker_page(victim)
    assert victim.page.evaluate(ATTACK, target.format(hub=victim.url, server=victim.own_url)) == ""
    assert state(victim) == before


@pytest.mark.parametrize("tossed", [False, True], ids=["plain", "with-tossed-cookies"])
@pytest.mark.parametrize("target", ["{hub}/hub/spawn/sam/another", "{server}api/kernels"])
def test_forms_of_another_persons_page_are_refused(victim: Visitor, target: str, tossed: bool) -> None:
    """A form sent from there is answered 403, also where the page has set an XSRF cookie for the whole hub."""
    before = state(victim)
    attacker_page(victim)
    if tossed:
        victim.page.evaluate(TOSS, "ocean.localhost")
    form = [target.format(hub=victim.url, server=victim.own_url), {"_xsrf": "tossed", "profile": "standard"}]
    with victim.page.expect_navigation() as sent:
        victim.page.evaluate(SEND, form)
    assert sent.value.status == 403
    assert state(victim) == before


def test_another_persons_page_cannot_frame_a_server(victim: Visitor) -> None:
    """So nobody is led to click on what he does not see."""
    attacker_page(victim)
    frame = "url => document.body.append(Object.assign(document.createElement('iframe'), {src: url}))"
    with victim.page.expect_event("requestfailed", lambda request: request.url.endswith("/lab")) as failed:
        victim.page.evaluate(frame, f"{victim.own_url}lab")
    assert failed.value.failure == "net::ERR_BLOCKED_BY_RESPONSE"


def test_the_same_script_reaches_what_is_of_its_own_origin(victim: Visitor) -> None:
    """On the victim's own page the script of these tests does get answers, and the victim's state can be seen."""
    victim.page.goto(f"{victim.own_url}lab")
    assert "_xsrf" in victim.page.evaluate(ATTACK, f"{victim.own_url}api/kernels")
    assert state(victim)[1]


def test_tossed_cookies_do_not_lock_anybody_out(victim: Visitor) -> None:
    """After another page has set XSRF cookies for the whole hub, its people's own forms still work."""
    attacker_page(victim)
    victim.page.evaluate(TOSS, "ocean.localhost")
    victim.open("/hub/token")
    before = victim.page.locator(".token-row").count()
    victim.page.get_by_role("button", name="Request new API token").click()
    expect(victim.page.get_by_text("Your new API Token")).to_be_visible()
    victim.page.reload()
    expect(victim.page.locator(".token-row")).to_have_count(before + 1)
