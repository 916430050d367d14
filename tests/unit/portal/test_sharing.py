"""An environment is its owner's to rename, share and delete, and others' to use as far as it is shared."""

import httpx
import pytest

from portals import ACCESS, PORTAL, REPOSITORY, Running

pytestmark = pytest.mark.anyio
API = f"{PORTAL}api"


async def changed(portal: Running, digest: str, *, by: str = "ann", **change: object) -> httpx.Response:
    caller = await portal.program(by, groups=["staff"] if by == "ann" else [])
    return await caller.patch(f"{API}/environments/{digest}", json=change)


async def test_an_owner_renames_and_shares(portal: Running) -> None:
    """What is given changes, and what is left out stays."""
    digest = await portal.made()
    named = await changed(portal, digest, name="  tide\u200cs ")
    assert (named.json()["name"], named.json()["shared_with"]) == ("tide\u200cs", "nobody")
    shared = await changed(portal, digest, shared_with="group:staff")
    assert (shared.json()["name"], shared.json()["shared_with"]) == ("tide\u200cs", "group:staff")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": " "},
        {"name": "x" * 101},
        {"name": "a\u202eb"},
        {"name": "a\nb"},
        {"shared_with": ""},
        {"shared_with": "staff"},
        {"shared_with": "group:"},
        {"shared_with": "group:students"},
        {"owner": "bob"},
    ],
)
async def test_what_cannot_be_changed_is_refused(portal: Running, wrong: dict[str, str]) -> None:
    """A name that passes for another, a group that one is not in, and fields that are nobody's to change."""
    digest = await portal.made()
    assert (await changed(portal, digest, **wrong)).status_code == 422
    found = (await (await portal.program()).get(f"{API}/environments/{digest}")).json()
    assert (found["name"], found["shared_with"], found["owner"]) == ("waves", "nobody", "ann")


@pytest.mark.parametrize(
    ("shared_with", "groups", "sees"),
    [
        ("nobody", ["staff"], False),
        ("group:staff", ["staff"], True),
        ("group:staff", ["students"], False),
        ("everybody", [], True),
    ],
)
async def test_whom_it_is_shared_with_may_use_it_and_read_its_lock(
    portal: Running, shared_with: str, groups: list[str], sees: bool
) -> None:
    """And others find nothing: no page, no list entry, no lock."""
    digest = await portal.made()
    await changed(portal, digest, shared_with=shared_with)
    bob = await portal.signed_in("bob", groups=groups)
    for path in (f"environments/{digest}", f"api/environments/{digest}", f"api/environments/{digest}/lock"):
        assert (await bob.get(PORTAL + path)).status_code == (200 if sees else 404)
    page = await bob.get(f"{PORTAL}environments")
    assert (f"/hub/spawn?environment={digest}" in page.text) == sees
    listed = (await bob.get(f"{API}/environments")).json()["environments"]
    assert [entry["digest"] for entry in listed] == ([digest] if sees else [])


async def test_only_its_owner_changes_or_deletes_it(portal: Running) -> None:
    """Neither whom it is shared with nor an admin; whoever may not see it learns nothing."""
    digest = await portal.made()
    path = f"environments/{digest}"
    await changed(portal, digest, shared_with="group:staff")
    others = (
        (await portal.signed_in("bob", groups=["staff"]), 403),
        (await portal.signed_in("root", ACCESS, "admin-ui"), 403),
        (await portal.signed_in("cyd"), 404),
    )
    for browser, status in others:
        token = browser.form_token(await browser.get(f"{PORTAL}environments"))
        assert (await browser.send_form(f"{path}/change", token, name="mine")).status_code == status
        assert (await browser.send_form(f"{path}/delete", token)).status_code == status
        assert "Delete it" not in (await browser.get(PORTAL + path)).text
    assert (await changed(portal, digest, by="cyd", name="mine")).status_code == 404
    assert (await (await portal.program("cyd")).delete(f"{API}/{path}")).status_code == 404
    assert (await (await portal.program()).get(f"{API}/{path}")).json()["name"] == "waves"


async def test_deleting_takes_it_from_all_but_who_made_the_same(portal: Running) -> None:
    """The record goes, the build stays and says so, and building again brings it back."""
    digest = await portal.made("ann")
    await portal.made("bob", repository="https://git.test/bob/tides")
    await changed(portal, digest, shared_with="everybody")
    ann = await portal.program("ann")
    assert (await ann.delete(f"{API}/environments/{digest}")).status_code == 204
    assert (await ann.delete(f"{API}/environments/{digest}")).status_code == 404
    (build,) = (await ann.get(f"{API}/builds")).json()["builds"]
    page = await (await portal.signed_in("ann")).get(f"{PORTAL}builds/{build['id']}")
    assert "This environment was deleted since" in page.text
    bobs = (await (await portal.program("bob")).get(f"{API}/environments/{digest}")).json()
    assert (bobs["name"], bobs["owner"]) == ("tides", "bob")
    assert await portal.made("ann") == digest
    assert (await ann.get(f"{API}/environments/{digest}")).json()["name"] == "waves"


@pytest.mark.parametrize("path", ["change", "delete"])
async def test_each_change_wants_the_pages_token(portal: Running, path: str) -> None:
    """No other site's form, and no link, changes or deletes."""
    digest = await portal.made()
    browser = await portal.signed_in()
    address = f"{PORTAL}environments/{digest}/{path}"
    await browser.get(f"{PORTAL}environments")
    assert (await browser.get(address)).status_code == 405
    assert (await browser.send_form(f"environments/{digest}/{path}", "x.y", name="evil")).status_code == 403
    for method in ("PATCH", "DELETE"):
        answer = await browser.request(method, f"{API}/environments/{digest}", json={"name": "evil"})
        assert answer.status_code == 403
    assert (await browser.get(f"{API}/environments/{digest}")).json()["name"] == "waves"


async def test_the_hub_is_told_once_for_each_change(portal: Running) -> None:
    """A service gets all, by digest, name, owner and sharing; the same again is not sent again; people get none."""
    digest = await portal.made()
    hub = await portal.program("hubfleet-hub", kind="service")
    first = await hub.get(f"{API}/document")
    wanted = {"digest": digest, "name": "waves", "owner": "ann", "shared_with": "nobody"}
    assert [told | wanted for told in first.json()["environments"]] == first.json()["environments"]
    known = {"If-None-Match": first.headers["etag"]}
    assert (await hub.get(f"{API}/document", headers=known)).status_code == 304
    await changed(portal, digest, name="tides")
    again = await hub.get(f"{API}/document", headers=known)
    assert (again.status_code, again.json()["environments"][0]["name"]) == (200, "tides")
    assert (await (await portal.program()).get(f"{API}/document")).status_code == 403


async def test_building_again_asks_for_the_same(portal: Running) -> None:
    """The page's button sends repository, ref and date; a private repository's asks for its token."""
    digest = await portal.made(ref="main", packages_until="none", token="ghp-1")
    browser = await portal.signed_in()
    page = await browser.get(f"{PORTAL}environments/{digest}")
    for name, value in (("repository", REPOSITORY), ("ref", "main"), ("packages_until", "none"), ("cluster", "here")):
        assert f'name="{name}" value="{value}"' in page.text
    assert 'name="token"' in page.text
