"""A copy of what is there: the editor shows its files, names what it has no fields for, and offers the versions."""

import io
import zipfile
from dataclasses import replace

import pytest

from fake_hub import PORTAL
from hubfleet.errors import RefusedError
from hubfleet.portal.features.builds import copies, drafts
from hubfleet.portal.features.builds.copies import copied
from hubfleet.portal.features.builds.drafts import Draft
from hubfleet.protocol.builds import BuildState
from portals import Running

pytestmark = pytest.mark.anyio
HASH = " --hash=sha256:" + "0" * 64


@pytest.mark.parametrize(
    "draft",
    [
        Draft(name="x", pip="numpy>=2\n# why\nsix\n", apt="graphviz\n", script="echo done\n"),
        Draft(
            name="x",
            python="3.12",
            conda="numpy=2.3\nbioconda::bwa\nyes\n7zip",
            pip="six\nhttpx[http2]; python_version>'3'",
        ),
        Draft(name="x", conda="numpy >=2,<3", script="#!/usr/bin/env python3\nprint(1)\n"),
    ],
    ids=["pypi", "conda", "program"],
)
def test_what_the_editor_wrote_it_reads(draft: Draft) -> None:
    """All of it, so that a copy that is not changed is the same."""
    assert copied("x", drafts.files(draft)) == copies.Copied(draft)


def test_an_environment_yml_as_people_write_it_is_read() -> None:
    text = (
        "# ours\nname: ocean waves\nchannels:\n- conda-forge\n- nodefaults\ndependencies:\n- python=3.12.*\n"
        "- numpy >=2  # fast\n- 'scipy'\n\n- pip:\n  - \"six==1.16\"\n- gdal\n"
    )
    found = copied("x", {"binder/environment.yml": text})
    assert found == copies.Copied(Draft(name="x", python="3.12", conda="numpy >=2\nscipy\ngdal", pip="six==1.16"))


@pytest.mark.parametrize(
    "text",
    [
        "dependencies: [numpy]\n",
        "dependencies:\n- !!python/object/apply:os.system [id]\n",
        "dependencies:\n- &a numpy\n- *a\n",
        "dependencies:\n- numpy: {x: y}\n",
        "dependencies:\n- 'numpy\n",
        'dependencies:\n- "nu\\x6dpy"\n',
        "dependencies:\n  other:\n  - numpy\n",
        "variables:\n  A: b\n",
        "dependencies:\n- npm:\n  - six\n",
        "- numpy\n",
        "dependencies:\n|\n",
    ],
)
def test_an_environment_yml_of_another_form_is_named(text: str) -> None:
    """It is not guessed at."""
    assert copied("x", {"environment.yml": text}) == copies.Copied(
        Draft(name="x"), ("environment.yml: it is more than plain lists",)
    )


@pytest.mark.parametrize(
    ("files", "beyond"),
    [
        ({"requirements.txt": "six\n-r more.txt\n"}, ["requirements.txt: line 2: options such as '-r' cannot"]),
        ({"requirements.txt": "-e .\n", "setup.py": "x"}, ["setup.py", "requirements.txt: line 1: options such as"]),
        ({"uv.lock": "", "pyproject.toml": ""}, ["uv.lock", "pyproject.toml"]),
        (
            {"environment.yml": "channels:\n- pytorch\ndependencies:\n- six\n"},
            ["environment.yml: the channels pytorch"],
        ),
        ({"apt.txt": "-o x"}, ["apt.txt: line 1: '-o' is no Debian package"]),
    ],
)
def test_what_has_no_field_is_named(files: dict[str, str], beyond: list[str]) -> None:
    found = copied("x", files).beyond
    assert len(found) == len(beyond), found
    assert all(said.startswith(start) for said, start in zip(found, beyond, strict=True)), found


def test_versions_of_a_lock_are_packages_again() -> None:
    """PyPI's and conda's, the latter with their channel; Debian's stay by name."""
    lock = (
        f"conda:conda-forge/linux-64/python-3.12.1-hc737e89_2.conda{HASH}\n"
        f"conda:bioconda/noarch/bwa-0.7-0.tar.bz2{HASH}\napt:curl=1.0-2:amd64{HASH}\nsix==1.16.0{HASH}\n"
    )
    draft = copies.of_lock(Draft(name="x", python="3.11", pip="old", apt="curl"), lock)
    assert draft == Draft(name="x", pip="six==1.16.0", conda="bioconda::bwa=0.7\npython=3.12.1", apt="curl")
    assert drafts.wrong(draft) == {}
    assert drafts.wrong(replace(draft, python="3.11"))


async def test_a_copy_of_an_environment_shows_its_files(portal: Running) -> None:
    """They are asked of the cluster that built it; the versions are a click away."""
    digest = await portal.made()
    portal.agent.said = {"requirements.txt": "numpy>=2\n"}
    browser = await portal.signed_in()
    assert f"environments/new?environment={digest}" in (await browser.get(f"{PORTAL}environments/{digest}")).text
    page = (await browser.get(f"{PORTAL}environments/new", params={"environment": digest})).text
    assert "numpy&gt;=2\n</textarea>" in page
    assert 'value="waves-copy"' in page
    assert [(asked.hub, asked.paths) for asked in portal.agent.asked] == [("ocean", ["requirements.txt"])]
    link = f"?environment={digest}&amp;versions=locked"
    assert link in page
    locked = (await browser.get(f"{PORTAL}environments/new{link.replace('&amp;', '&')}")).text
    assert "numpy==2.3.0</textarea>" in locked


async def test_what_has_no_field_is_named_and_the_versions_are_shown(portal: Running) -> None:
    """So it is where the cluster has the files no more."""
    digest = await portal.made()
    browser = await portal.signed_in()
    portal.agent.said = {"requirements.txt": "-e .\n<b>"}
    page = (await browser.get(f"{PORTAL}environments/new", params={"environment": digest})).text
    assert (
        "<bdi>requirements.txt: line 1: options such as &#39;-e&#39; cannot be given here: name packages</bdi>" in page
    )
    assert "numpy==2.3.0</textarea>" in page
    portal.agent.refusal = RefusedError("the files are not here any more", status=409)
    page = (await browser.get(f"{PORTAL}environments/new", params={"environment": digest})).text
    assert "its files cannot be read (the files are not here any more)" in page
    assert "numpy==2.3.0</textarea>" in page


async def test_a_build_that_failed_can_be_changed(portal: Running) -> None:
    """Without versions, as there are none."""
    program = await portal.program()
    build = await portal.begun(program)
    portal.agent.said = {"requirements.txt": "numpy==99\n"}
    facts = {"commit": "c0ffee" * 6 + "c0ff", "files": ["requirements.txt"]}
    portal.agent.step(build, BuildState.FAILED, "no versions go together", **facts)
    await portal.reached(program, build, state="failed")
    browser = await portal.signed_in()
    assert f"environments/new?build={build}" in (await browser.get(f"{PORTAL}builds/{build}")).text
    page = (await browser.get(f"{PORTAL}environments/new", params={"build": build})).text
    assert "numpy==99\n</textarea>" in page
    assert "exact versions" not in page


async def test_copies_are_for_those_who_see_the_first(portal: Running) -> None:
    """Anybody else finds nothing, and no cluster is asked."""
    program = await portal.program()
    digest = await portal.made()
    build = (await program.get(f"{PORTAL}api/builds")).json()["builds"][0]["id"]
    bob = await portal.signed_in("bob")
    for params in ({"environment": digest}, {"build": build}):
        assert (await bob.get(f"{PORTAL}environments/new", params=params)).status_code == 404
    assert (await bob.get(f"{PORTAL}environments/{digest}/files")).status_code == 404
    await program.patch(f"{PORTAL}api/environments/{digest}", json={"shared_with": "everybody"})
    assert (await bob.get(f"{PORTAL}environments/new", params={"environment": digest})).status_code == 200


async def test_a_private_repositorys_files_are_for_who_built_it(portal: Running) -> None:
    """Others get the versions."""
    digest = await portal.made(token="secret")
    program = await portal.program()
    await program.patch(f"{PORTAL}api/environments/{digest}", json={"shared_with": "everybody"})
    bob = await portal.signed_in("bob")
    page = (await bob.get(f"{PORTAL}environments/new", params={"environment": digest})).text
    assert "the repository is private, and another&#39;s" in page
    assert "numpy==2.3.0</textarea>" in page
    assert portal.agent.asked == []
    await (await portal.signed_in()).get(f"{PORTAL}environments/new", params={"environment": digest})
    assert portal.agent.asked[0].content.key


async def test_the_files_of_an_environment_can_be_taken_along(portal: Running) -> None:
    """As the repository has them; what cannot be had is said."""
    digest = await portal.made()
    portal.agent.said = {"requirements.txt": "numpy\n"}
    browser = await portal.signed_in()
    answer = await browser.get(f"{PORTAL}environments/{digest}/files")
    assert answer.headers["content-disposition"] == f'attachment; filename="environment-{digest[:12]}-files.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == {"requirements.txt": b"numpy\n"}
    portal.agent.said = {}
    assert (await browser.get(f"{PORTAL}environments/{digest}/files")).status_code == 409
