"""A repository's address becomes a server that runs its notebook, in Chromium."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from browser.notebooks import trapezoid_rule
from browser.people import Visitor
from git_servers import git_server

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.xdist_group("browser")]

CELL = "import six; print('six is', six.__version__)"
NOTEBOOK = json.dumps(
    {
        "cells": [
            {"cell_type": "code", "id": "a", "metadata": {}, "source": CELL, "outputs": [], "execution_count": None}
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
)
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
    expect(page.get_by_role("group", name="Files of trapezoid")).to_contain_text(repository.url)
    expect(page.get_by_label("In an empty place")).to_be_checked()
    visitor.start()
    expect(page).to_have_url(re.compile(r"/user/ana/trapezoid-[0-9a-f]{4}/lab"))
    visitor.open_file(notebook.name)
    outputs = page.locator(".jp-Notebook:visible .jp-OutputArea-output")
    visitor.run_all(outputs.filter(has_text="The integral is: 565.2499999999999"))
    visitor.run_cell("import numpy, sys; print('made with', numpy.__version__, 'jupyterlab' in sys.modules)")
    expect(outputs.filter(has_text="made with 1.26.4 False")).to_be_visible()
    stop_all(visitor)


def test_a_link_opens_a_notebook_beside_what_runs_and_others_may_open_it_too(
    someone: Callable[..., Visitor], tmp_path: Path
) -> None:
    """A BinderHub's link leads through the form to the file that it names, in a server of the repository's own."""
    first, second = someone("ocean"), someone("ocean")
    first.sign_in("mlee", to="/hub/spawn", admin=True)
    first.start()
    with git_server(tmp_path) as git:
        repository = git.repository("tides", {"requirements.txt": "six==1.15.0\n", "sub/one.ipynb": NOTEBOOK})
        link = f"/services/binder/v2/git/{quote(repository.url, safe='')}/main?labpath=sub/one.ipynb"
        first.open(link)
        follow(first, repository.url, where="In my home")
        second.sign_in("ana")
        second.open(link)
        follow(second, repository.url, where="In an empty place")
    first.open("/hub/home")
    expect(first.page.get_by_role("button", name=re.compile("Stop My Server"))).to_be_visible()
    stop_all(first)
    stop_all(second)


def test_a_newer_commit_comes_into_the_same_folder(someone: Callable[..., Visitor], tmp_path: Path) -> None:
    """Who starts from the link again finds what is new, and what they had changed, in the folder that they know."""
    visitor = someone("ocean")
    visitor.sign_in("mlee", admin=True)
    with git_server(tmp_path) as git:
        files = {"requirements.txt": "six==1.15.0\n", "sub/one.ipynb": NOTEBOOK, "a.txt": "theirs"}
        repository = git.repository("tides", files)
        link = f"/services/binder/v2/git/{quote(repository.url, safe='')}/main?labpath=sub/one.ipynb"
        visitor.open(link)
        follow(visitor, repository.url, where="In my home")
        visitor.run_cell("print('wrote', open('../a.txt', 'w').write('mine'))")
        outputs = visitor.page.locator(".jp-Notebook:visible .jp-OutputArea-output")
        expect(outputs.filter(has_text="wrote 4")).to_be_visible()
        stop_all(visitor)
        repository.commit({"b.txt": "new"})
        visitor.open(link)
        follow(visitor, repository.url, where="In my home")
    visitor.run_cell("print('found', open('../a.txt').read(), open('../b.txt').read())")
    expect(outputs.filter(has_text="found mine new")).to_be_visible()
    stop_all(visitor)


def follow(visitor: Visitor, repository: str, *, where: str) -> None:
    """Go on from a link's form to a notebook that ran."""
    page = visitor.page
    expect(page.get_by_label("Address of the repository")).to_have_value(repository)
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("group", name="Files of tides")).to_contain_text("sub/one.ipynb", timeout=180_000)
    page.get_by_label(where).check()
    visitor.start()
    expect(page).to_have_url(re.compile(rf"/user/{visitor.name}/tides-[0-9a-f]{{4}}/lab/tree/.*sub/one\.ipynb"))
    visitor.kernel_ready()
    outputs = page.locator(".jp-Notebook:visible .jp-OutputArea-output")
    visitor.run_all(outputs.filter(has_text="six is 1.15.0"))


def stop_all(visitor: Visitor) -> None:
    """Stop all servers of a person from the hub's own page."""
    visitor.open("/hub/home")
    stops = visitor.page.get_by_role("button", name=re.compile("^Stop", re.IGNORECASE))
    expect(stops.first).to_be_visible()
    for left in reversed(range(stops.count())):
        stops.first.click()
        expect(stops).to_have_count(left, timeout=30_000)


def test_files_of_ones_own_become_an_environment_and_a_folder(someone: Callable[..., Visitor], tmp_path: Path) -> None:
    """Chosen on the page, built, and there in the server that is started with them."""
    (tmp_path / "requirements.txt").write_text("six==1.15.0\n")
    (tmp_path / "one.ipynb").write_text(NOTEBOOK)
    visitor = someone("ocean")
    visitor.sign_in("sam", to="/services/portal/")
    page = visitor.page
    page.get_by_label("Files", exact=True).set_input_files([tmp_path / "requirements.txt", tmp_path / "one.ipynb"])
    page.get_by_label("What to call them").fill("My first")
    page.get_by_role("button", name="Bring and build").click()
    expect(page.get_by_role("heading", name="Your environment is ready")).to_be_visible(timeout=180_000)
    page.get_by_role("button", name="Start a server with it").click()
    expect(page.get_by_label("In an empty place")).to_be_checked()
    visitor.start()
    expect(page).to_have_url(re.compile(r"/user/sam/my-first-[0-9a-f]{4}/lab"))
    visitor.open_file("one.ipynb")
    outputs = page.locator(".jp-Notebook:visible .jp-OutputArea-output")
    visitor.run_all(outputs.filter(has_text="six is 1.15.0"))
    stop_all(visitor)


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
