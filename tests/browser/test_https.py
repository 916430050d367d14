"""Over https with user subdomains, as on a public machine: real Chromium, a certificate of the operator's own."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from hubfleet.routes.certificates import self_signed
from machines import Machine, machine, up

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("browser")]

HUB = "sign_in: {with: shared-password}\nallow: {everyone: true}\nadmins: [ada]\nuser_subdomains: true\n"
HOST = "ocean.hubs.test"
TOSS = f"""() => {{
    for (const name of ["jupyterhub-hub-login", "__Host-jupyterhub-hub-login", "jupyterhub-session-id"]) {{
        document.cookie = `${{name}}=tossed; domain={HOST}; path=/; secure`
    }}
}}"""


@pytest.fixture(scope="module")
def fleet() -> Iterator[Machine]:
    """A fleet with one hub at a name that is not this machine's own."""
    with machine({"hubs/ocean.yaml": HUB}) as made:
        pem = self_signed([HOST, f"*.{HOST}"])
        cut = pem.index("-----BEGIN PRIVATE")
        https = "{certificate: chain.pem, key: key.pem}"
        files = {"chain.pem": pem[:cut], "key.pem": pem[cut:], "fleet.yaml": f"name: t{made.port}\ndomain: hubs.test\n"}
        made.write({**files, "clusters/here.yaml": f"kind: machine\nlisten: 127.0.0.1:{made.port}\nhttps: {https}\n"})
        with up(made):
            yield made


@pytest.fixture
def context(chrome: Browser) -> Iterator[BrowserContext]:
    """Someone who takes any certificate."""
    context = chrome.new_context(ignore_https_errors=True)
    yield context
    context.close()


def test_no_persons_page_can_set_the_hubs_cookies(fleet: Machine, context: BrowserContext) -> None:
    """A person works by https; another's page tosses cookies of the hub's names at them, and they stay signed in."""
    page = context.new_page()
    hub = f"https://{HOST}:{fleet.port}"
    page.goto(f"{hub}/hub/spawn")
    page.get_by_label("Username").fill("sam")
    page.get_by_label("Password").fill(fleet.secret("ocean", "shared-password"))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(re.compile(rf"https://sam\.{re.escape(HOST)}"), timeout=60_000)
    cookies = {cookie["name"]: cookie for cookie in context.cookies()}
    assert "__Host-jupyterhub-hub-login" in cookies
    assert all(cookie["secure"] for cookie in cookies.values())
    evil = f"https://eve.{HOST}:{fleet.port}/"
    page.route(evil, lambda route: route.fulfill(content_type="text/html", body="<h1>Come in</h1>"))
    page.goto(evil)
    page.evaluate(TOSS)
    assert "tossed" in {cookie.get("value") for cookie in context.cookies()}
    page.goto(f"{hub}/hub/home")
    expect(page.get_by_role("button", name="Stop My Server")).to_be_visible()
