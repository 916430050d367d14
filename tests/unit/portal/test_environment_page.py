"""The page of one environment says what is in it and where it comes from, whatever people wrote."""

import io
import zipfile

import pytest

from hubfleet.errors import RefusedError
from hubfleet.model.content import Content
from hubfleet.portal.features.builds.packages import Package, made_anew, packages, sources
from hubfleet.protocol.exports import ExportFormat, ExportRequest
from hubfleet.testing.builds import LOCK
from portals import PORTAL, Running, World

pytestmark = pytest.mark.anyio
HASH = " --hash=sha256:" + "0" * 64
MANY = "".join(f"tide-{number:03}==1.{number}{HASH}\n" for number in range(300))


def test_a_lock_is_read_by_names() -> None:
    """Extras, markers, hashes and channels; what is neither is passed over."""
    lock = (
        f"conda:conda-forge/linux-64/r-base-4.4.2-hc737e89_2.conda{HASH}\n"
        f"conda:bioconda/noarch/bwa-mem2-2.2.tar-0.tar.bz2{HASH}\n"
        f"apt-release:debian-bookworm-amd64\napt-system:curl\napt:openssh-client=1:9.2p1-2:amd64{HASH}\n"
        f"Numpy==2.3.0{HASH}{HASH}\nhttpx[http2]==0.28.1 ; python_version >= '3.9'{HASH}\nwhatever\n"
    )
    assert packages(lock) == [
        Package("bwa-mem2", "2.2.tar", "bioconda"),
        Package("httpx", "0.28.1", "PyPI"),
        Package("Numpy", "2.3.0", "PyPI"),
        Package("openssh-client", "1:9.2p1-2", "Debian"),
        Package("r-base", "4.4.2", "conda-forge"),
    ]
    assert [package.name for package in packages(lock, search="NUM")] == ["Numpy"]


@pytest.mark.parametrize(
    ("from_", "files", "said"),
    [
        (["PyPI"], ["requirements.txt"], "PyPI"),
        (["conda-forge", "bioconda", "PyPI", "PyPI"], ["binder/environment.yml"], "bioconda, conda-forge and PyPI"),
        (["conda-forge"], ["environment.yml"], "conda-forge"),
        (["PyPI"], ["binder/environment.yaml", "more.txt"], "PyPI, in place of conda channels"),
        (["PyPI", "Debian"], ["environment.yml", "apt.txt"], "PyPI, in place of conda channels and Debian"),
        (["conda-forge", "PyPI", "Debian"], ["environment.yml"], "conda-forge, PyPI and Debian"),
        ([], [], ""),
    ],
)
def test_where_packages_are_from_is_said(from_: list[str], files: list[str], said: str) -> None:
    """And that PyPI's stand in for those that were asked for."""
    assert sources([Package("x", "1", source) for source in from_], files) == said


async def test_the_page_answers_what_it_is(portal: Running) -> None:
    """Name, repository, commit, packages with versions; and the way to its lock, build, a server and another build."""
    digest = await portal.made(ref="main")
    page = await (await portal.signed_in()).get(f"{PORTAL}environments/{digest}")
    for part in (
        "<bdi>waves</bdi></h1>",
        "https://git.test/ann/waves",
        "<bdi>main</bdi>",
        "c0ffeec0ff</code>",
        "as of 2026-01-01, from PyPI</dd>",
        ">numpy</th><td>2.3.0</td>",
        f'href="{PORTAL}api/environments/{digest}/lock" download',
        "its build and log",
        f'href="/hub/spawn?environment={digest}&amp;repository=https%3A%2F%2Fgit.test%2Fann%2Fwaves&amp;commit=',
        "Build again",
        "1 package.",
    ):
        assert part in page.text, part
    assert 'type="search"' not in page.text


@pytest.mark.parametrize(
    ("own", "ran", "said"),
    [
        (0, False, []),
        (1, False, ["The repository is a package itself: the lock says of which commit and what builds it"]),
        (2, False, ["The repository has 2 packages of its own: the lock"]),
        (0, True, ["The repository&#39;s postBuild ran on it: the lock says what ran and not what came of it"]),
        (1, True, ["each cluster builds it anew", "each cluster runs it anew"]),
    ],
)
async def test_what_its_lock_does_not_pin_is_said(portal: Running, own: int, ran: bool, said: list[str]) -> None:
    """A package of the repository's own and a postBuild are made anew, and are no packages in the list."""
    place = "https://git.test/ann/waves@" + "c" * 40
    lines = [f"build:hatchling==1.27.0{HASH}"] * bool(own) + [f"own:{place}#f{number}" for number in range(own)]
    lock = "".join(f"{line}\n" for line in [LOCK.strip(), *lines, *[f"postbuild:{place}"] * ran])
    digest = await portal.made(lock=lock)
    page = (await (await portal.signed_in()).get(f"{PORTAL}environments/{digest}")).text
    assert all(sentence in page for sentence in said)
    assert ("builds it anew" in page, "runs it anew" in page) == (bool(own), ran)
    assert "1 package." in page


def test_where_debian_packages_make_the_same_weaker_is_said() -> None:
    """Which system they were chosen for, and that archives forget."""
    (said,) = made_anew(f"apt-release:debian-bookworm-amd64\napt:tree=2:amd64{HASH}\n{LOCK}")
    assert "a cluster with debian-bookworm-amd64 lacked" in said
    assert "drop old versions" in said


async def test_many_packages_can_be_searched(portal: Running) -> None:
    """By an address that can be kept, without a script."""
    digest = await portal.made(lock=MANY)
    browser = await portal.signed_in()
    assert 'type="search"' in (await browser.get(f"{PORTAL}environments/{digest}")).text
    found = await browser.get(f"{PORTAL}environments/{digest}?search=TIDE-29")
    assert "10 of 300 packages." in found.text
    nothing = await browser.get(f"{PORTAL}environments/{digest}?search=<b>")
    assert "No package of it has “<bdi>&lt;b&gt;</bdi>”" in nothing.text


async def test_the_forms_work_without_a_script(portal: Running) -> None:
    """Rename and share lead back to the page, delete to the list, and what cannot be is said beside its field."""
    digest = await portal.made()
    browser = await portal.signed_in(groups=["staff"])
    path = f"environments/{digest}"
    page = await browser.get(PORTAL + path)
    assert '<option value="group:staff">' in page.text
    token = browser.form_token(page)
    sent = await browser.send_form(f"{path}/change", token, name="<i>tides", shared_with="group:staff")
    assert (sent.status_code, sent.headers["location"]) == (303, PORTAL + path)
    page = await browser.get(PORTAL + path)
    assert "<bdi>&lt;i&gt;tides</bdi></h1>" in page.text
    assert '<option value="group:staff" selected>' in page.text
    for field, value in (("name", "  "), ("shared_with", "group:others")):
        wrong = await browser.send_form(f"{path}/change", token, **{"name": "x", field: value})
        assert wrong.status_code == 422
        assert f'id="wrong-{field}"' in wrong.text
    gone = await browser.send_form(f"{path}/delete", token)
    assert (gone.status_code, gone.headers["location"]) == (303, f"{PORTAL}environments")
    assert "You have none yet" in (await browser.get(gone.headers["location"])).text
    assert (await browser.get(PORTAL + path)).status_code == 404


async def test_lists_tell_whose_an_environment_is(portal: Running) -> None:
    """Mine, those of my groups and those of everybody are apart."""
    for number, shared_with in enumerate(("group:staff", "everybody", "nobody")):
        digest = await portal.made("ann", lock=f"{LOCK}tide=={number}{HASH}\n")
        ann = await portal.program("ann", groups=["staff"])
        change = {"name": f"n{number}", "shared_with": shared_with}
        await ann.patch(f"{PORTAL}api/environments/{digest}", json=change)
    page = (await (await portal.signed_in("bob", groups=["staff"])).get(f"{PORTAL}environments")).text
    yours, groups, hub = page.index("You have none yet"), page.index("Of your groups"), page.index("Of this hub")
    assert yours < groups < page.index("<bdi>n0</bdi>") < hub < page.index("<bdi>n1</bdi>")
    assert "<bdi>n2</bdi>" not in page
    own = (await (await portal.signed_in("ann")).get(f"{PORTAL}environments")).text
    assert own.count("Start a server</a>") == 3
    assert "Of this hub" not in own


async def test_an_environment_can_be_taken_along(portal: Running) -> None:
    """In each form, as a file that keeps its name; a container's recipe as an archive."""
    digest = await portal.made(ref="main")
    browser = await portal.signed_in()
    page = f"{PORTAL}environments/{digest}"
    shown = (await browser.get(page)).text
    for form in ExportFormat:
        assert f'href="{page}/exports/{form}"' in shown
        answer = await browser.get(f"{page}/exports/{form}")
        assert answer.status_code == 200
        if form is ExportFormat.CONTAINER:
            with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
                assert archive.namelist() == [f"environment-{digest[:12]}/container"]
        else:
            assert answer.headers["content-disposition"] == f'attachment; filename="{form}"'
            asked = ExportRequest.model_validate_json(answer.text)
            assert (asked.lock, asked.content) == (
                LOCK,
                Content(repository="https://git.test/ann/waves", commit="c0ffee" * 6 + "c0ff"),
            )
    assert (await browser.get(f"{page}/exports/conda.lock")).status_code == 404


async def test_nobody_takes_along_what_they_do_not_see(portal: Running) -> None:
    """The same answer as for an environment that is none."""
    digest = await portal.made()
    other = await portal.signed_in("bob")
    assert (await other.get(f"{PORTAL}environments/{digest}/exports/environment.yml")).status_code == 404


async def test_what_cannot_be_written_is_said_on_a_page(portal: Running, world: World) -> None:
    """With the next step; and while no cluster answers, that it is worth another try."""
    digest = await portal.made()
    browser = await portal.signed_in()
    world.agents["here"].refusal = RefusedError("it has no words for that", status=409, hint="take another")
    refused = await browser.get(f"{PORTAL}environments/{digest}/exports/pylock.toml")
    assert (refused.status_code, "no words for that" in refused.text) == (409, True)
    world.agents["here"].reachable = False
    away = await browser.get(f"{PORTAL}environments/{digest}/exports/pylock.toml")
    assert (away.status_code, "Retry-After" in away.headers) == (503, True)
