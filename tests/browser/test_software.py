"""From the form that starts a server to a new environment and back, in Chromium."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.people import Visitor
from git_servers import git_server

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("browser")]


def test_a_build_that_was_awaited_leads_back_to_the_form_and_starts_nothing(
    someone: Callable[..., Visitor], tmp_path: Path
) -> None:
    """The form comes with the environment chosen, by name; who comes to the build again stays there."""
    with git_server(tmp_path) as git:
        repository = git.repository("leads", {"requirements.txt": "six==1.14.0\n"})
        visitor = someone("ocean", viewport={"width": 390, "height": 844})
        visitor.sign_in("sam", to="/hub/spawn")
        page = visitor.page
        page.get_by_role("link", name="New from a repository").click()
        page.get_by_label("Address of the repository").fill(repository.url)
        page.get_by_role("button", name="Make it").click()
        page.wait_for_url(re.compile(r"/services/portal/builds/.*then=start"))
        build = page.url
        software = page.get_by_label("Software", exact=True)
        expect(software).to_be_visible(timeout=180_000)
    expect(page).to_have_url(re.compile(r"/hub/spawn.*environment=[0-9a-f]{64}"))
    expect(software.locator("option:checked")).to_have_text(re.compile("leads"))
    page.go_back()
    expect(page.get_by_label("Address of the repository")).to_be_visible()
    page.goto(build)
    expect(page.get_by_role("heading", name="Your environment is ready")).to_be_visible()
    expect(page.get_by_role("button", name="Start a server with it")).to_be_visible()
    expect(page).to_have_url(build)
    visitor.open("/hub/home")
    expect(page.get_by_role("button", name=re.compile("Start My Server"))).to_be_visible()
