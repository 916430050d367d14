"""People who do not sign in, with a browser: thebe from npm on another site, and the hub's own launch page."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from browser import thebe
from browser.axe import violations
from browser.people import Visitor, visit
from git_servers import GitServer, git_server
from guests import build
from machines import CLUSTER, Machine, machine, up

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("browser")]

HUB = """\
sign_in: {{with: shared-password}}
allow: {{everyone: true}}
features: {{builds: {{anonymous: {{origins: ["{site}"], per_address: 10, starts_per_hour: 100}}}}}}
"""
START_MS = 60_000
READ = """async ([url, options]) => {
    try { return (await fetch(url, options)).status } catch (error) { return "blocked" }
}"""
SOCKET = """url => new Promise(done => {
    const socket = new WebSocket(url)
    socket.onopen = () => done("open")
    socket.onerror = () => done("refused")
})"""


@dataclass
class Town:
    """A hub with temporary servers, a site elsewhere that it names, and a git server."""

    fleet: Machine
    git: GitServer
    site: str
    pages: Path

    @property
    def hub(self) -> str:
        """The hub's origin."""
        return f"http://ocean.localhost:{self.fleet.port}"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Bring all of it up."""
    folder = tmp_path_factory.mktemp("site")
    with (
        git_server(tmp_path_factory.mktemp("git")) as git,
        thebe.site(folder) as site,
        machine({"hubs/ocean.yaml": HUB.format(site=site)}) as made,
    ):
        cluster = made.folder / "clusters" / f"{CLUSTER}.yaml"
        cluster.write_text(cluster.read_text() + "git_hosts: [127.0.0.1]\n")
        with up(made):
            yield Town(made, git, site, folder)


@pytest.fixture
def stranger(chrome: Browser) -> Iterator[Page]:
    """Give the page of somebody whom no site knows."""
    context: BrowserContext = chrome.new_context()
    yield context.new_page()
    context.close()


def test_thebe_runs_a_cell_of_a_static_page(town: Town, stranger: Page) -> None:
    """Its real bundle, on another origin: a build, a server, a kernel, and the result in the page."""
    repository = town.git.repository("lesson", {"requirements.txt": "six==1.15.0\n"})
    (town.pages / "lesson.html").write_text(thebe.PAGE.format(repository=repository.url, hub=town.hub))
    stranger.goto(f"{town.site}/lesson.html")
    stranger.wait_for_function("() => window.thebe.session", timeout=START_MS)
    stranger.get_by_role("button", name="run", exact=True).click()
    expect(stranger.get_by_text("six is 1.15.0 42")).to_be_visible(timeout=START_MS)


def test_a_signed_in_persons_server_and_hub_answer_no_other_site(town: Town, chrome: Browser, stranger: Page) -> None:
    """With cookies or with a token in hand, though the hub names that site for temporary servers."""
    (town.pages / "plain.html").write_text("<h1>Come in</h1>")
    ann: Visitor = visit(chrome, town.fleet, "ocean")
    ann.sign_in("ann", to="/hub/spawn")
    ann.start()
    ann.open("/hub/token")
    ann.page.get_by_role("button", name="Request new API token").click()
    token = ann.page.locator("#token-result").inner_text().strip()
    ann.page.goto(f"{town.site}/plain.html")
    with_token: dict[str, Any] = {"headers": {"Authorization": f"token {token}"}}
    for address in (f"{ann.own_url}api/contents", f"{town.hub}/hub/api/user", f"{town.hub}/services/portal/api/builds"):
        for options in ({"credentials": "include"}, with_token):
            assert ann.page.evaluate(READ, [address, options]) == "blocked", (address, options)
    socket = ann.own_url.replace("http", "ws", 1) + "api/events/subscribe"
    assert ann.page.evaluate(SOCKET, socket) == "refused"
    ann.context.close()

    # the same script does reach what is open to this site
    repository = town.git.repository("open", {"requirements.txt": "six==1.15.0\n"})
    ready = build(town.fleet, repository.url).last
    address, guests_token = str(ready["url"]), str(ready["token"])
    stranger.goto(f"{town.site}/plain.html")
    asked: dict[str, Any] = {"headers": {"Authorization": f"token {guests_token}"}}
    assert stranger.evaluate(READ, [f"{address}api/contents", asked]) == 200
    socket = f"{address.replace('http', 'ws', 1)}api/events/subscribe"
    assert stranger.evaluate(SOCKET, f"{socket}?token={guests_token}") == "open"
    assert stranger.evaluate(SOCKET, socket) == "refused"
    # a site that the hub does not name gets nothing, token or not
    stranger.goto(f"{town.site.replace('docs.', 'evil.')}/plain.html")
    assert stranger.evaluate(READ, [f"{address}api/contents", asked]) == "blocked"
    stream = f"{town.hub}/services/binder/build/git/{quote(repository.url, safe='')}/main"
    assert stranger.evaluate(READ, [stream, {"headers": {"Accept": "text/event-stream"}}]) == "blocked"


def test_a_link_opens_a_temporary_server_by_a_button(town: Town, stranger: Page) -> None:
    """Without a sign-in: what it starts is shown, the start is followed, and the notebook of the link opens."""
    repository = town.git.repository("link", {"requirements.txt": "six==1.15.0\n", "notes/a b.md": "# Hello\n"})
    spec = f"git/{quote(repository.url, safe='')}/main"
    stranger.goto(f"{town.hub}/services/binder/v2/{spec}?urlpath=lab/tree/notes/a%20b.md")
    expect(stranger.get_by_text(repository.url)).to_be_visible()
    assert violations(stranger) == []
    stranger.get_by_role("button", name="Open it").click()
    expect(stranger.get_by_role("heading", name="Your server is on its way")).to_be_visible()
    stranger.wait_for_url("**/user/anonymous-*/lab/tree/**", timeout=START_MS)
    expect(stranger.locator("#jp-main-dock-panel")).to_be_visible(timeout=START_MS)
    expect(stranger.get_by_role("tab", name="a b.md")).to_be_visible(timeout=START_MS)
    assert "token=" not in stranger.url
