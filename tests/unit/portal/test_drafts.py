"""The editor: what people write becomes a repository's files, checked beside its fields, by a cluster, and made."""

import asyncio
import io
import stat
import zipfile

import httpx
import pytest

from fake_hub import PORTAL
from hubfleet.agent.environments import apt_file, environment_file
from hubfleet.errors import RefusedError
from hubfleet.portal.features.builds import checking, drafts
from hubfleet.portal.features.builds.drafts import Draft
from hubfleet.protocol.builds import BuildState
from hubfleet.protocol.files import HomeArchive
from hubfleet.testing.builds import LOCK
from portals import ORIGIN, Browser, Running, until

pytestmark = pytest.mark.anyio
WAVES = {"name": "My waves", "pip": "numpy>=2\r\n# for plots\r\nmatplotlib\r\n"}


def test_packages_of_pypi_are_a_requirements_txt() -> None:
    """As they were written, with the line ends of Unix."""
    draft = Draft.of({**WAVES, "apt": "graphviz", "script": "echo done"})
    assert drafts.wrong(draft) == {}
    assert drafts.files(draft) == {
        "requirements.txt": "numpy>=2\n# for plots\nmatplotlib\n",
        "apt.txt": "graphviz\n",
        "postBuild": "#!/bin/bash\nset -e\necho done\n",
    }


@pytest.mark.parametrize(
    "packages", [["numpy=2.3", "python_abi"], ["numpy >=2,<3  # both"], ["bioconda::bwa", "7zip", "1", "yes", "null"]]
)
def test_packages_of_conda_are_an_environment_yml(packages: list[str]) -> None:
    """With the pip part in it; what reads repositories finds the same in it."""
    draft = Draft(name="x", python="3.12", conda="\n".join(packages), pip="six==1.16\nhttpx[http2]; python_version>'3'")
    assert drafts.wrong(draft) == {}
    [(name, text)] = drafts.files(draft).items()
    assert name == "environment.yml"
    read = environment_file.parse(text, name)
    said = [line.text for line in read.packages]
    assert said == ["python=3.12", *(package.partition("  #")[0] for package in packages), "pip"]
    assert [line.text for line in read.pip] == ["six==1.16", "httpx[http2]; python_version>'3'"]
    assert [line.text for line in read.channels] == ["conda-forge"]


def test_debian_packages_are_read_as_they_were_meant() -> None:
    text = drafts.files(Draft(name="x", apt="graphviz  # dot\nlibfoo++-dev=1:2.0~rc1-1"))["apt.txt"]
    assert [item.name for item in apt_file.parse(text, "apt.txt")] == ["graphviz", "libfoo++-dev"]


def test_a_script_that_says_what_runs_it_stays_as_it_is() -> None:
    text = "#!/usr/bin/env python3\nprint(1)"
    assert drafts.files(Draft(name="x", script=text))["postBuild"] == f"{text}\n"


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("name", "  ", "give it a name"),
        ("pip", "numpy\nnumpy >>2", "line 2: 'numpy >>2' is no package"),
        ("pip", "six\n\n-r more.txt", "line 3: options such as '-r' cannot be given here"),
        ("pip", "six @ https://evil.test/six.whl", "line 1: six cannot be had from an address"),
        ("pip", "six==1.16 --hash=sha256:00", "line 1: hashes cannot be given here"),
        ("pip", "; rm -rf ~", "line 1: '; rm -rf ~' is no package"),
        ("pip", "# nothing", "name at least one package"),
        ("pip", "six\x1b[2J", "leave out signs that cannot be seen"),
        ("pip", "six\u2028numpy", "leave out signs that cannot be seen"),
        ("pip", "s" * 20_001, "this is longer than 20,000 characters"),
        ("pip", "\n" * 501, "these are more than 500 lines"),
        ("conda", "numpy\n[a, b]", "line 2: '[a, b]' is no conda package"),
        ("conda", "*anchor", "line 1: '*anchor' is no conda package"),
        ("conda", "python=3.11", "line 1: the version of Python is chosen above already"),
        ("python", "2.7", "choose one of 3.10"),
        ("apt", "curl\n-o Evil=1", "line 2: '-o' is no Debian package"),
        ("apt", "curl/sid", "line 1: 'curl/sid' is no Debian package"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(field: str, text: str, said: str) -> None:
    given = {"name": "x", "pip": "six", "python": "3.12" if field == "conda" else ""}
    found = drafts.wrong(Draft.of(given | {field: text}))
    assert [name for name, why in found.items() if why.startswith(said)] == [field], found


async def send(browser: Browser, do: str, **fields: str) -> httpx.Response:
    """Press one of the editor's buttons."""
    token = browser.form_token(await browser.get(f"{PORTAL}environments/new"))
    return await browser.send_form("environments/new", token, do=do, **fields)


async def checked(portal: Running, browser: Browser, state: BuildState, message: str, **facts: object) -> str:
    """Check versions, let the cluster answer, and return the page."""
    before = len(portal.agent.followed)
    begun = asyncio.create_task(send(browser, "check", **WAVES))
    await until(lambda: len(portal.agent.followed) > before)
    portal.agent.step(portal.agent.followed[-1][0], state, message, **facts)
    return (await begun).text


async def test_it_is_made_and_has_its_name(portal: Running) -> None:
    """The cluster gets the files, of which the script may be run."""
    browser = await portal.signed_in()
    begun = await send(browser, "make", **WAVES, script="true")
    assert begun.status_code == 303, begun.text
    await until(lambda: bool(portal.agent.requests))
    [(address, archive)] = portal.agent.files.items()
    assert address.endswith("/My-waves")
    assert next(iter(portal.agent.requests.values())).only == ""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.namelist() == ["postBuild", "requirements.txt"]
        assert opened.getinfo("postBuild").external_attr >> 16 & stat.S_IXUSR
        assert not opened.getinfo("requirements.txt").external_attr >> 16 & stat.S_IXUSR


async def test_a_check_shows_the_versions_and_keeps_nothing(portal: Running) -> None:
    """Nothing is made of it, and no build or file is among the person's own."""
    browser = await portal.signed_in()
    page = await checked(portal, browser, BuildState.READY, "chosen", lock=LOCK, packages_until="2026-01-01")
    assert "These go together:" in page
    assert "<li>numpy 2.3.0</li>" in page
    assert "# for plots" in page
    assert [request.only for request in portal.agent.requests.values()] == ["lock"]
    program = await portal.program()
    assert (await program.get(f"{PORTAL}api/files")).json() == {"files": []}
    assert (await program.get(f"{PORTAL}api/builds")).json() == {"builds": []}


async def test_what_does_not_go_together_is_explained_beside_the_fields(portal: Running) -> None:
    """In the solver's words, and nothing of the form is lost."""
    browser = await portal.signed_in()
    page = await checked(portal, browser, BuildState.FAILED, "no versions go together", hint="because <numpy>")
    assert "No versions go together." in page
    assert "because &lt;numpy&gt;" in page
    assert 'value="My waves"' in page


async def test_what_is_wrong_asks_no_cluster(portal: Running) -> None:
    """It is said beside its field, and what was written is still there."""
    browser = await portal.signed_in()
    for do in ("check", "make", "download"):
        page = await send(browser, do, name="x", pip="<b>")
        assert page.status_code == 422
        assert "Line 1: &#39;&lt;b&gt;&#39; is no package" in page.text
        assert 'aria-describedby="pip-is wrong-pip" aria-invalid="true"' in page.text
        # where the form's address leads
        assert 'role="alert" id="result" tabindex="-1">Nothing was made yet' in page.text
    assert portal.agent.calls == []


async def test_a_person_checks_one_draft_at_a_time(portal: Running) -> None:
    """Another person is not held up, and afterwards it goes on."""
    browser = await portal.signed_in()
    first = asyncio.create_task(send(browser, "check", **WAVES))
    await until(lambda: bool(portal.agent.followed))
    second = await send(browser, "check", **WAVES)
    assert (second.status_code, "A check of yours is not over yet" in second.text) == (429, True)
    other = asyncio.create_task(send(await portal.signed_in("bob"), "check", **WAVES))
    await until(lambda: len(portal.agent.followed) == 2)
    for build, _ in list(portal.agent.followed):
        portal.agent.step(build, BuildState.READY, "chosen", lock=LOCK)
    assert [answer.status_code for answer in (await first, await other)] == [200, 200]
    assert "These go together" in await checked(portal, browser, BuildState.READY, "chosen", lock=LOCK)


async def test_a_check_that_takes_too_long_is_stopped(portal: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "CHECK_S", 0.01)
    page = await send(await portal.signed_in(), "check", **WAVES)
    assert "This takes longer than a page can wait." in page.text
    assert portal.agent.calls[-1][0] == "stop_build"


async def test_a_cluster_that_is_away_is_said_on_the_form(portal: Running) -> None:
    portal.agent.reachable = False
    page = await send(await portal.signed_in(), "check", **WAVES)
    assert (page.status_code, "The agent does not answer" in page.text) == (200, True)
    assert "matplotlib" in page.text


async def test_what_cannot_be_begun_leaves_no_files(portal: Running) -> None:
    """Such as on a cluster that the hub does not have."""
    browser = await portal.signed_in()
    page = await send(browser, "make", **WAVES, cluster="mars")
    assert (page.status_code, "has no cluster &#39;mars&#39;" in page.text) == (422, True)
    assert (await (await portal.program()).get(f"{PORTAL}api/files")).json() == {"files": []}


async def test_a_folder_of_the_home_is_taken_and_built(portal: Running) -> None:
    """By the person's own name, however they write where it is."""
    portal.agent.homes["ann", "work/waves"] = HomeArchive.model_construct(archive=b"zip", count=2, left_out=[])
    browser = await portal.signed_in()
    for path in ("work/waves", " ~/work/./waves/ ", "/home/jovyan/work//waves"):
        begun = await take(browser, path)
        assert begun.status_code == 303, begun.text
    await until(lambda: len(portal.agent.files) == 3)
    assert {address.rpartition("/")[2] for address in portal.agent.files} == {"waves"}
    assert set(portal.agent.files.values()) == {b"zip"}


async def test_what_is_left_out_of_a_folder_is_said(portal: Running) -> None:
    """Before its build, which has begun."""
    left_out = [".git (hidden)", "<b> (a link)"]
    portal.agent.homes["ann", "waves"] = HomeArchive.model_construct(archive=b"zip", count=1, left_out=left_out)
    page = (await take(await portal.signed_in(), "waves")).text
    assert "1 file of <bdi><code>waves</code></bdi> is being built." in page
    assert "<li><bdi>.git (hidden)</bdi></li><li><bdi>&lt;b&gt; (a link)</bdi></li>" in page
    [build] = (await (await portal.program()).get(f"{PORTAL}api/builds")).json()["builds"]
    assert f'href="{PORTAL}builds/{build["id"]}"' in page


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "Name a folder of your home"),
        ("~/", "Name a folder of your home"),
        ("/home/jovyan/", "Name a folder of your home"),
        ("../bob", "may lead out of your home"),
        ("work/../../bob", "may lead out of your home"),
        ("~/../bob", "may lead out of your home"),
        ("/etc", "begins at the machine"),
        ("a\x00b", "Name a folder of your home"),
        ("none", "There is no folder &#39;none&#39; in your home."),
    ],
)
async def test_a_path_that_leads_elsewhere_is_refused_beside_its_field(portal: Running, path: str, said: str) -> None:
    page = await take(await portal.signed_in(), path)
    assert (page.status_code, said in page.text) == (422, True), page.text
    assert 'aria-invalid="true"' in page.text
    assert portal.agent.files == {}


async def test_a_home_that_cannot_be_asked_is_said(portal: Running) -> None:
    portal.agent.reachable = False
    page = await take(await portal.signed_in(), "waves")
    assert (page.status_code, "The agent does not answer" in page.text) == (503, True)


async def take(browser: Browser, path: str) -> httpx.Response:
    """Send the form for a folder of the home."""
    token = browser.form_token(await browser.get(f"{PORTAL}environments/from-home"))
    return await browser.send_form("environments/from-home", token, path=path)


async def test_a_draft_can_be_taken_away_as_files(portal: Running) -> None:
    """Nothing is asked of a cluster for it."""
    answer = await send(await portal.signed_in(), "download", **WAVES)
    assert answer.headers["content-disposition"] == 'attachment; filename="My-waves.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
        assert opened.read("requirements.txt") == b"numpy>=2\n# for plots\nmatplotlib\n"
    assert portal.agent.calls == []


async def test_the_editor_is_for_those_of_the_hub_and_its_form_is_ours(portal: Running) -> None:
    assert (await (await portal.browser()).get(f"{PORTAL}environments/new")).status_code == 302
    browser = await portal.signed_in()
    refused = await browser.post(f"{PORTAL}environments/new", data=WAVES, headers={"Origin": ORIGIN})
    assert refused.status_code == 403


async def test_a_refusal_of_the_cluster_is_said_on_the_form(portal: Running) -> None:
    portal.agent.refusal = RefusedError("too many builds wait already", status=429, hint="try again in a minute")
    page = await send(await portal.signed_in(), "check", **WAVES)
    assert "Too many builds wait already." in page.text
