"""A repository's address becomes a server that runs its notebook, in Chromium."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.notebooks import trapezoid_rule
from browser.people import Visitor
from git_servers import git_server

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.xdist_group("browser")]

NEEDS = "numpy\nscipy\nmatplotlib\n"


def test_a_repository_is_built_watched_and_worked_with(someone: Callable[..., Visitor], tmp_path: Path) -> None:
    """A person gives its address, sees each step, starts a server with it, and its notebook runs as of its date."""
    notebook = trapezoid_rule()
    with git_server(tmp_path) as git:
        repository = git.repository("trapezoid", {"requirements.txt": NEEDS, notebook.name: notebook.read_text()})
        visitor = someone("ocean")
        visitor.sign_in("ana")
        page = visitor.page
        page.get_by_role("link", name="Environments").click()
        page.get_by_label("Address of the repository").fill(repository.url)
        page.get_by_role("button", name="Make it").click()
        expect(page.get_by_role("log")).to_contain_text("choosing versions as of 2024-06-01", timeout=60_000)
        expect(page.get_by_role("heading", name="Your environment is ready")).to_be_visible(timeout=180_000)
    page.get_by_role("button", name="Start a server with it").click()
    visitor.start()
    visitor.upload(notebook)
    visitor.menu("Run", "Run All Cells")
    outputs = page.locator(".jp-Notebook:visible .jp-OutputArea-output")
    expect(outputs.filter(has_text="The integral is: 565.2499999999999")).to_be_visible(timeout=60_000)
    visitor.run_cell("import numpy, sys; print('made with', numpy.__version__, 'jupyterlab' in sys.modules)")
    expect(outputs.filter(has_text="made with 1.26.4 False")).to_be_visible()
    visitor.open("/hub/home")
    page.get_by_role("button", name=re.compile("Stop My Server")).click()
    expect(page.get_by_role("button", name=re.compile("Start My Server"))).to_be_visible(timeout=30_000)


def test_a_build_that_cannot_be_made_says_what_to_do(someone: Callable[..., Visitor], tmp_path: Path) -> None:
    """The page names what the repository asks for, and what can be had."""
    with git_server(tmp_path) as git:
        repository = git.repository("julia", {"Project.toml": "[deps]\n"})
        visitor = someone("ocean", viewport={"width": 390, "height": 844})
        visitor.sign_in("sam", to="/services/portal/")
        visitor.page.get_by_label("Address of the repository").fill(repository.url)
        visitor.page.get_by_role("button", name="Make it").click()
        expect(visitor.page.get_by_role("heading", name="The build failed")).to_be_visible(timeout=60_000)
    expect(visitor.page.get_by_text("Julia projects, which Project.toml asks for").first).to_be_visible()
