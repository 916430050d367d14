"""BinderHub's own client, from npm and unmodified, against a hub with builds on, in Chromium."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from browser import fancy
from browser.binder import client
from browser.people import Visitor
from git_servers import git_server

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("browser")]

ASK = """async ([spec, token, only]) => {
    const url = new URL("/services/binder/build/", location.href);
    const repository = new binder.BinderRepository(spec, url, {apiToken: token, buildOnly: only});
    const said = [];
    for await (const item of repository.fetch()) {
        said.push(item);
        if (item.phase === "ready" || item.phase === "failed") break;
    }
    repository.close();
    return said;
}"""


def ask(visitor: Visitor, spec: str, token: str, *, only: bool = False) -> list[dict[str, Any]]:
    """Let the client build, and launch unless it shall only build, from a page of the hub."""
    visitor.open("/hub/home")
    visitor.page.add_script_tag(path=client())
    return list(visitor.page.evaluate(ASK, [spec, token, only]))


def token_of(visitor: Visitor) -> str:
    """Make a token on the hub's page."""
    visitor.open("/hub/token")
    visitor.page.get_by_role("button", name="Request new API token").click()
    shown = visitor.page.locator("#token-result")
    expect(shown).not_to_be_empty()
    return shown.inner_text().strip()


def test_its_client_builds_and_launches(someone: Callable[..., Visitor], tmp_path: Path) -> None:
    """It reads every event, gets an address and a token that open the server, and what does not work ends it too."""
    with git_server(tmp_path) as git:
        repository = git.repository("waves", {"requirements.txt": "six==1.15.0\n"})
        spec = f"git/{quote(repository.url, safe='')}/main"
        visitor = someone("ocean")
        visitor.sign_in("sam")
        token = token_of(visitor)

        only = ask(visitor, spec, token, only=True)
        assert only[-1]["phase"] == "ready", only
        assert only[-1]["imageName"].startswith("env:")
        assert "url" not in only[-1]

        said = ask(visitor, spec, token)
        last = said[-1]
        assert last["phase"] == "ready", said
        assert {"fetching", "building", "built", "launching"} <= {item["phase"] for item in said}
        commit = repository.git("rev-parse", "HEAD")
        assert last["binder_persistent_request"] == f"v2/git/{quote(repository.url, safe='')}/{commit}"
        assert last["image"] == only[-1]["imageName"]

        assert ask(visitor, "zenodo/10.5281/zenodo.1", token)[-1]["phase"] == "failed"
        assert ask(visitor, f"{spec}-not-there", token)[-1]["phase"] == "failed"
        assert ask(visitor, spec, "no-token")[-1]["phase"] == "failed"

        # a link opens the form, filled in, and starts nothing
        visitor.open(f"/services/binder/v2/{spec}?urlpath=lab")
        expect(visitor.page.get_by_label("Address of the repository")).to_have_value(repository.url)
    visitor.page.goto(f"{last['url']}lab?token={last['token']}")
    visitor.in_lab()


def test_the_form_of_fancy_profiles_builds(someone: Callable[..., Visitor], tmp_path: Path) -> None:
    """It makes itself a token, follows the build, and posts the name of what it got.

    It knows repositories at GitHub only: on its way to the hub the address is made that of a server here.
    """
    chosen: list[str] = []
    with git_server(tmp_path) as git:
        repository = git.repository("waves", {"requirements.txt": "six==1.15.0\n"})
        visitor = someone("ocean")
        visitor.sign_in("sam")
        page = visitor.page
        there = f"{visitor.url}/services/binder/build"
        ours = f"{there}/git/{quote(repository.url, safe='')}/main?build_only=true"
        page.route(f"{there}/gh/ann/waves/main?build_only=true", lambda route: route.continue_(url=ours))
        fancy.show(page, visitor.url, chosen)
        page.get_by_label("Image").first.click()
        page.get_by_role("option", name="Build your own image").click()
        page.get_by_role("combobox", name="Repository").fill("ann/waves")
        page.get_by_role("combobox", name="Git Ref").fill("main")
        page.get_by_role("button", name="Build Image and Start").click()
        expect(page.get_by_text("chosen")).to_be_visible(timeout=180_000)
    assert re.search(r"&profile-option-choose--image--unlisted-choice=env%3A[0-9a-f]{64}$", chosen[-1]), chosen
