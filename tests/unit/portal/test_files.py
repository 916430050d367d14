"""What people bring: kept for them alone, handed to clusters, and built under an address of its own."""

import io
import zipfile
from collections.abc import Mapping

import httpx
import pytest

from fake_hub import PORTAL
from hubfleet.errors import RefusedError
from hubfleet.portal.features.builds import brought
from hubfleet.testing.builds import FakeBuildAgent
from portals import ORIGIN, Browser, Running, World, until

pytestmark = pytest.mark.anyio
API = f"{PORTAL}api/files"


def packed(files: Mapping[str, str]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return whole.getvalue()


WAVES = packed({"requirements.txt": "six\n"})


async def bring(caller: Browser, name: str = "My waves.zip", archive: bytes = WAVES) -> dict[str, str]:
    answer = await caller.post(API, params={"name": name}, content=archive)
    assert answer.status_code == 201, answer.text
    found: dict[str, str] = answer.json()
    return found


async def send(browser: Browser, *files: tuple[str, bytes], name: str = "") -> httpx.Response:
    """Send the page's form."""
    token = browser.form_token(await browser.get(f"{PORTAL}environments"))
    sent = [("files", (name, content)) for name, content in files]
    fields = {"_xsrf": token, "name": name}
    return await browser.post(f"{PORTAL}files", data=fields, files=sent, headers={"Origin": ORIGIN})


async def test_what_a_program_brings_is_built_by_its_address(portal: Running) -> None:
    """The cluster gets the files before the build, and the environment has their name."""
    ann = await portal.program()
    found = await bring(ann)
    assert found["name"] == "My-waves"
    assert found["repository"] == f"{ORIGIN}{PORTAL}files/{found['id']}/My-waves"
    build = await portal.begun(ann, repository=found["repository"])
    assert portal.agent.files == {found["repository"]: WAVES}
    assert [call for call, _ in portal.agent.calls][:2] == ["put_files", "start_build"]
    digest = portal.agent.finish(build)
    await portal.reached(ann, build, state="ready")
    assert (await ann.get(f"{PORTAL}api/environments/{digest}")).json()["name"] == "My-waves"


async def test_its_owner_has_it_back_and_deletes_it(portal: Running) -> None:
    ann = await portal.program()
    found = await bring(ann)
    assert (await ann.get(API)).json() == {"files": [found]}
    back = await ann.get(f"{API}/{found['id']}")
    assert (back.content, back.headers["content-type"]) == (WAVES, "application/zip")
    assert back.headers["content-disposition"] == 'attachment; filename="My-waves.zip"'
    assert (await ann.delete(f"{API}/{found['id']}")).status_code == 204
    assert (await ann.get(API)).json() == {"files": []}
    assert (await ann.get(f"{API}/{found['id']}")).status_code == 404


async def test_it_is_nobody_elses(portal: Running) -> None:
    """Neither to read, nor to delete, nor to build; an admin may."""
    found = await bring(await portal.program())
    bob = await portal.program("bob")
    assert (await bob.get(API)).json() == {"files": []}
    assert (await bob.get(f"{API}/{found['id']}")).status_code == 404
    assert (await bob.delete(f"{API}/{found['id']}")).status_code == 404
    begun = await bob.post(f"{PORTAL}api/builds", json={"repository": found["repository"]})
    assert (begun.status_code, begun.json()["detail"]) == (404, "there are no such files")
    admin = await portal.program("root", "access:services", "admin-ui")
    assert (await admin.get(f"{API}/{found['id']}")).content == WAVES


async def test_an_address_that_only_looks_so_is_a_repositorys(portal: Running) -> None:
    """Another hub's, or one of nothing here."""
    ann = await portal.program()
    found = await bring(ann)
    elsewhere = found["repository"].replace(ORIGIN, "https://hub.test")
    await portal.begun(ann, repository=elsewhere)
    assert portal.agent.files == {}


async def test_the_form_takes_an_archive(portal: Running) -> None:
    """It leads to the build's page, and the list has the files from then on."""
    browser = await portal.signed_in()
    begun = await send(browser, ("tides.zip", WAVES))
    assert begun.status_code == 303, begun.text
    await until(lambda: bool(portal.agent.files))
    [(address, archive)] = portal.agent.files.items()
    assert archive == WAVES
    page = await browser.get(f"{PORTAL}environments")
    assert f'value="{address}"' in page.text
    assert (await browser.get(address)).content == WAVES


async def test_the_form_takes_plain_files(portal: Running) -> None:
    """They become an archive, with the folder that browsers name."""
    browser = await portal.signed_in()
    assert (await send(browser, ("sea/a.ipynb", b"{}"), ("sea/requirements.txt", b"six"))).status_code == 303
    await until(lambda: bool(portal.agent.files))
    [(address, archive)] = portal.agent.files.items()
    assert address.endswith("/sea")
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == {
            "sea/a.ipynb": b"{}",
            "sea/requirements.txt": b"six",
        }


async def test_what_cannot_be_built_is_not_kept(world: World) -> None:
    """As on a hub that takes some repositories only."""
    world.settings["repositories"] = ["https://git.test/*"]
    async with world.portal() as portal:
        browser = await portal.signed_in()
        page = await send(browser, ("tides.zip", WAVES))
        assert page.status_code == 403
        assert "This hub does not take this repository" in page.text
        assert (await (await portal.program()).get(API)).json() == {"files": []}


async def test_a_form_without_files_says_so(portal: Running) -> None:
    browser = await portal.signed_in()
    page = await send(browser)
    assert page.status_code == 422
    assert "Choose a zip archive, or files." in page.text


async def test_the_form_is_ours_only(portal: Running) -> None:
    """Neither another origin's page nor one without the token sends it."""
    browser = await portal.signed_in()
    token = browser.form_token(await browser.get(f"{PORTAL}environments"))
    sent = {"files": ("a.zip", WAVES)}
    for origin, field in (("https://evil.test", token), (ORIGIN, "")):
        fields = {"_xsrf": field}
        refused = await browser.post(f"{PORTAL}files", data=fields, files=sent, headers={"Origin": origin})
        assert refused.status_code == 403
    assert portal.agent.files == {}


async def test_what_the_cluster_does_not_take_ends_the_build_with_its_words(portal: Running) -> None:
    ann = await portal.program()
    found = await bring(ann, archive=b"no archive")
    portal.agent.refusal = RefusedError("this is no zip archive", status=422, hint="put the files into one")
    answer = await ann.post(f"{PORTAL}api/builds", json={"repository": found["repository"]})
    failed = await portal.reached(ann, answer.json()["id"], state="failed")
    assert (failed["message"], failed["hint"]) == ("this is no zip archive", "put the files into one")


async def test_there_is_a_limit_to_it(portal: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """For one archive, and for all of one person."""
    ann = await portal.program()
    assert (await ann.post(API, content=b"0" * 24_000_001)).status_code == 413
    assert (await ann.post(API, content=b"0" * 26_000_000)).status_code == 413
    monkeypatch.setattr(brought, "PERSON_BYTES_MAX", 3 * len(WAVES))
    for _ in range(3):
        await bring(ann)
    full = await ann.post(API, content=WAVES)
    assert (full.status_code, full.json()["hint"]) == (422, "delete some that you need no more")
    await bring(await portal.program("bob"))


async def test_every_cluster_gets_the_files(world: World) -> None:
    """A server with them may start on any; one that is away gets them later."""
    world.agents["there"] = there = FakeBuildAgent()
    there.reachable = False
    async with world.portal() as portal:
        ann = await portal.program()
        found = await bring(ann)
        build = await portal.begun(ann, repository=found["repository"])
        portal.agent.finish(build)
        await portal.reached(ann, build, state="ready")
        await until(lambda: ("put_files", found["repository"]) in there.calls)
        assert there.files == {}
        there.reachable = True
        await until(lambda: there.files == {found["repository"]: WAVES})


async def test_whoever_leaves_leaves_no_files(portal: Running) -> None:
    """As the places of guests are emptied."""
    ann = await portal.program()
    await bring(ann)
    await portal.portal.records.run(lambda tables: tables.forget("ann"))
    assert (await ann.get(API)).json() == {"files": []}
