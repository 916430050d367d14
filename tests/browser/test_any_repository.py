"""What others have published, from its address to its notebook's last cell; then shared, and given to everybody.

The repositories hold the files of source distributions on PyPI, as they are but for what `PUBLISHED` says.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import expect

import sdists
from browser.people import Visitor
from browser.test_builds import stop_all
from git_servers import GitServer, Repository, git_server
from hubfleet.model.access import PROMOTE
from hubfleet.protocol.front_door import FrontDoor

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("browser")]

BUILD_MS = 300_000
RUN_MS = 240_000
AT = "2026-10-01T12:00:00Z"


@dataclass(frozen=True)
class Published:
    """A package's source distribution, and a notebook of it."""

    name: str
    version: str
    specification: str
    notebook: str
    changes: Mapping[str, str] = field(default_factory=dict)
    """What is written otherwise in the specification."""


PUBLISHED = [
    Published("plasmapy", "2026.2.0", "binder/requirements.txt", "docs/notebooks/formulary/solar_plasma_beta.ipynb"),
    Published("emcee", "3.1.6", "binder/environment.yml", "docs/tutorials/quickstart.ipynb"),
    Published("particle", "1.1.0", "environment.yml", "notebooks/ParticleDemo.ipynb"),
    Published(
        "vector",
        "1.9.0",
        "environment.yml",
        "docs/src/numpy.ipynb",
        # conda channels alone have these two
        {"  - root >=6.18.04\n": "", "  - nb_conda_kernels\n": ""},
    ),
    Published("papermill", "2.7.0", "requirements.txt", "papermill/tests/notebooks/binder.ipynb"),
]


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with git_server(tmp_path_factory.mktemp("git")) as server:
        yield server


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda published: published.name)
def test_a_published_repository_is_built_and_its_notebook_runs_to_the_end(
    someone: Callable[..., Visitor], git: GitServer, published: Published
) -> None:
    """By somebody who has just come: the address pasted, each step seen, every cell run without an error."""
    repository = _repository(git, published)
    visitor = someone("ocean")
    visitor.sign_in("ana")
    page = visitor.page
    page.get_by_role("link", name="Environments").click()
    page.get_by_label("Address of the repository").fill(repository.url)
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("log")).to_contain_text("fetching", timeout=60_000)
    expect(page.get_by_role("heading", name="Your environment is ready")).to_be_visible(timeout=BUILD_MS)
    page.get_by_role("button", name="Start a server with it").click()
    visitor.start()
    _run_to_the_end(visitor, published.notebook, _code_cells(repository.folder / published.notebook))
    stop_all(visitor)


def _repository(git: GitServer, published: Published) -> Repository:
    repository = git.repository(published.name)
    sdists.unpacked(published.name, published.version, repository.folder)
    notebook = repository.folder / published.notebook
    notebook.write_text(_without_outputs(notebook.read_text()))
    path = repository.folder / published.specification
    text = path.read_text()
    for before, after in published.changes.items():
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)
    # whatever their .gitignore says, they have published it
    repository.git("add", "--force", "--all", at=AT)
    repository.git("commit", "--quiet", "-m", "a release", at=AT)
    return repository


def _without_outputs(text: str) -> str:
    content = json.loads(text)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    return json.dumps(content)


def _code_cells(notebook: Path) -> int:
    """Return how many cells are run; what is empty is not."""
    cells = json.loads(notebook.read_text())["cells"]
    return sum(cell["cell_type"] == "code" and bool("".join(cell["source"]).strip()) for cell in cells)


def _run_to_the_end(visitor: Visitor, notebook: str, cells: int) -> None:
    """Run a notebook in the server that runs, and ask its kernel how many cells it ran, and whether one failed."""
    page = visitor.page
    page.goto(re.sub(r"/lab.*", f"/lab/tree/{quote(notebook)}", page.url))
    visitor.in_lab()
    visitor.kernel_ready()
    visitor.menu("Run", "Run All Cells")
    # JupyterLab runs it after the others, and does not run it if one of them fails
    visitor.run_cell("import sys; print('cells', len(In) - 2, 'failed', hasattr(sys, 'last_type'))")
    said = page.locator(".jp-Notebook:visible .jp-OutputArea-output", has_text=re.compile(r"^cells \d+ failed"))
    expect(said).to_have_text(f"cells {cells} failed False", timeout=RUN_MS)


def test_what_was_built_is_shared_and_given_to_everybody(someone: Callable[..., Visitor], git: GitServer) -> None:
    """A second repository beside the first, its link opened by somebody else; then by a program for a profile."""
    tides = git.repository("tides", {"requirements.txt": "six==1.15.0\n", "a.ipynb": _notebook("import six")})
    waves = git.repository("waves", {"requirements.txt": "six==1.16.0\n", "a.ipynb": _notebook("import six")})
    ana, sam, mlee = someone("ocean"), someone("ocean"), someone("ocean")
    ana.sign_in("ana")
    _follow_link(ana, tides)
    _follow_link(ana, waves)
    ana.open("/hub/home")
    expect(ana.page.get_by_role("button", name=re.compile("^stop", re.IGNORECASE))).to_have_count(2)
    sam.sign_in("sam")
    _follow_link(sam, waves)

    mlee.sign_in("mlee", admin=True)
    program = Program(mlee)
    before = program.promote(program.build(tides))
    assert _version(ana) == "1.15.0"
    tides.commit({"requirements.txt": "six==1.17.0\n"}, at=AT)
    assert program.promote(program.build(tides)) != before
    assert _version(ana) == "1.17.0"
    assert program.back() == before
    assert _version(ana) == "1.15.0"
    stop_all(ana)
    stop_all(sam)


class Program:
    """Continuous integration, with a token that an admin has made for just that."""

    def __init__(self, admin: Visitor) -> None:
        scopes = ["access:services!service=portal", PROMOTE]
        cookies = {str(cookie["name"]): str(cookie["value"]) for cookie in admin.context.cookies(f"{admin.url}/hub/")}
        made = httpx.post(
            f"http://127.0.0.1:{admin.machine.port}/hub/api/users/mlee/tokens",
            json={"note": "ci", "scopes": scopes},
            headers={
                "Host": admin.url.removeprefix("http://"),
                "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
                "X-XSRFToken": cookies["_xsrf"],
                "Sec-Fetch-Site": "same-origin",
            },
            trust_env=False,
        )
        assert made.status_code == 201, made.text
        self._token = str(made.json()["token"])
        self._door = FrontDoor.at(admin.url)

    def build(self, repository: Repository) -> str:
        """Build the newest commit with one call, and return the digest."""
        asked = {"repository": repository.url}
        found = self._door.call("POST", "/services/portal/api/builds?wait_s=25", token=self._token, body=asked)
        while found["state"] not in {"ready", "failed"}:
            path = f"/services/portal/api/builds/{found['id']}?wait_s=25"
            found = self._door.call("GET", path, token=self._token)
        assert found["state"] == "ready", found
        return str(found["digest"])

    def promote(self, digest: str) -> str:
        """Give an environment to the profile, and return which it has."""
        return self._put({"digest": digest})

    def back(self) -> str:
        """Bring the previous one back with one call."""
        return self._put({"previous": True})

    def _put(self, body: Mapping[str, object]) -> str:
        path = "/services/portal/api/profiles/large/environment"
        return str(self._door.call("POST", path, token=self._token, body=body)["now"]["digest"])


def _follow_link(visitor: Visitor, repository: Repository) -> None:
    """Open a BinderHub's link to a notebook, and go on from its form until the notebook ran."""
    page = visitor.page
    visitor.open(f"/services/binder/v2/git/{quote(repository.url, safe='')}/main?labpath=a.ipynb")
    page.get_by_role("button", name="Make it").click()
    name = repository.folder.name
    expect(page.get_by_role("group", name=f"Files of {name}")).to_contain_text("a.ipynb", timeout=BUILD_MS)
    visitor.start()
    expect(page).to_have_url(re.compile(rf"/user/{visitor.name}/{name}-[0-9a-f]{{4}}/lab/tree/.*a\.ipynb"))
    _run_to_the_end(visitor, "a.ipynb", 1)


def _version(visitor: Visitor) -> str:
    """Start with the profile and nothing else, and return which `six` a notebook has."""
    visitor.open("/hub/spawn")
    visitor.choose("Large")
    visitor.start()
    # else JupyterLab opens what was open the last time
    visitor.page.goto(f"{visitor.own_url}lab?reset")
    visitor.in_lab()
    visitor.page.locator(".jp-LauncherCard[title*='Python 3']").first.click()
    visitor.kernel_ready()
    visitor.run_cell("import six; print('six is', six.__version__)")
    said = visitor.page.locator(".jp-Notebook:visible .jp-OutputArea-output", has_text="six is")
    expect(said).to_be_visible(timeout=RUN_MS)
    version = said.inner_text().split()[-1]
    visitor.open("/hub/home")
    visitor.page.get_by_role("button", name="Stop My Server").click()
    expect(visitor.page.get_by_role("button", name=re.compile("Start My Server"))).to_be_visible(timeout=60_000)
    return version


def _notebook(source: str) -> str:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps({"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})
