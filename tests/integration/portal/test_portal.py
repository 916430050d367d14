"""The portal beside a real JupyterHub: OAuth, tokens, logout, and builds that outlive the portal."""

from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import httpx
import pytest

from hubfleet.protocol.builds import BuildState
from integration.portal.worlds import PORTAL, REPOSITORY, TEST_TOKEN, TOKEN, World
from programs import wait_for

pytestmark = pytest.mark.integration


def test_a_person_signs_in_and_makes_an_environment(world: World) -> None:
    """From the first page by JupyterHub's sign-in, the form and the build's page to a link that starts a server."""
    ann = world.signed_in("ann")
    page = ann.get(PORTAL)
    assert "You have none yet" in page.text
    begun = ann.send(page, button="Make it", repository=REPOSITORY)
    build = begun.url.path.rpartition("/")[2]
    assert begun.url.path == f"{PORTAL}builds/{build}"
    wait_for("the agent has it", lambda: world.agent.do(lambda fake: build in fake.requests))
    world.agent.do(lambda fake: fake.step(build, BuildState.RESOLVING, "choosing numpy"))
    digest = world.agent.do(lambda fake: fake.finish(build))
    lines = [line for line in _follow(ann.client, build) if line.startswith("id: ")]
    assert lines == ["id: 1", "id: 2"]
    ready = ann.get(f"{PORTAL}builds/{build}")
    assert f'href="/hub/spawn?environment={digest}&amp;repository=' in ready.text
    assert "choosing numpy" in ready.text
    assert "waves" in ann.get(PORTAL).text
    assert world.agent.signed_by == {"portal-ocean"}


def _follow(client: httpx.Client, build: str) -> list[str]:
    with client.stream("GET", f"{PORTAL}api/builds/{build}/events") as answer:
        assert answer.status_code == 200
        return list(answer.iter_lines())


def test_a_token_of_the_hub_is_enough_for_the_api(world: World) -> None:
    """One that inherits its person's rights, without any cookie or page."""
    world.signed_in("bob")
    token = world.token("bob")
    answer = world.api("POST", "/builds", token, json={"repository": REPOSITORY})
    assert answer.status_code == 202
    assert answer.json()["person"] == "bob"
    assert [build["id"] for build in world.api("GET", "/builds", token).json()["builds"]] == [answer.json()["id"]]
    assert world.api("POST", f"/builds/{answer.json()['id']}/stop", token).status_code == 200


def test_a_token_without_the_scope_is_refused(world: World) -> None:
    """A token that may only name its person, and one of a service without rights here."""
    world.signed_in("bob")
    for token in (world.token("bob", scopes=["read:users:name!user"]), TEST_TOKEN):
        answer = world.api("GET", "/builds", token)
        assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert world.api("GET", "/builds", "no-token-at-all").status_code == 401


def test_only_admins_see_everybodys_builds(world: World) -> None:
    """By the scope that JupyterHub gives admins; the same for browsers, whose token is narrower."""
    cyd, root, dan = (world.signed_in(name) for name in ("cyd", "root", "dan"))
    build = world.api("POST", "/builds", world.token("cyd"), json={"repository": REPOSITORY}).json()["id"]
    assert cyd.get(f"{PORTAL}builds/{build}").status_code == 200
    assert root.get(f"{PORTAL}builds/{build}").status_code == 200
    assert dan.get(f"{PORTAL}builds/{build}").status_code == 404
    assert world.api("GET", f"/builds/{build}", world.token("dan")).status_code == 404
    assert 'href="/hub/admin"' in root.get(PORTAL).text
    assert 'href="/hub/admin"' not in dan.get(PORTAL).text
    world.api("POST", f"/builds/{build}/stop", world.token("cyd"))


def test_a_logout_from_the_hub_ends_the_portals_session(world: World) -> None:
    """Within the five seconds for which an answer is kept; then the hub's sign-in is shown."""
    eve = world.signed_in("eve")
    eve.get("/hub/logout")
    assert "hubfleet-portal" in eve.client.cookies

    builds = f"{PORTAL}api/builds"
    wait_for("the session is over", lambda: eve.get(builds).status_code == 401, timeout_s=30)
    assert eve.get(PORTAL).url.path == "/hub/login"


def test_a_killed_portal_goes_on_where_it_was(world: World) -> None:
    """Kill -9 in the middle of a build; the next portal follows the same build to its end."""
    world.signed_in("fay")
    token = world.token("fay")
    build = world.api("POST", "/builds", token, json={"repository": REPOSITORY, "token": "ghp-secret-1"}).json()["id"]
    wait_for("the agent has it", lambda: world.agent.do(lambda fake: build in fake.requests))
    world.agent.do(lambda fake: fake.step(build, BuildState.FETCHING, "one"))
    world.reached(token, build, BuildState.FETCHING)
    world.portal.kill()
    world.agent.do(lambda fake: fake.step(build, BuildState.RESOLVING, "two"))
    world.start_portal()
    world.reached(token, build, BuildState.RESOLVING)
    digest = world.agent.do(lambda fake: fake.finish(build))
    ready = world.reached(token, build, BuildState.READY)
    assert ready["digest"] == digest
    assert world.api("GET", f"/environments/{digest}/lock", token).status_code == 200


def test_a_portal_that_is_killed_while_it_promotes_has_done_it_once_or_not_at_all(world: World) -> None:
    """Kill -9 at any moment between question and answer; asked again with the same tag, it is done exactly once."""
    world.signed_in("root")
    token = world.token("root")
    path = "/profiles/small/environment"
    digests = [_ready(world, token, f"six==1.{number}.0 --hash=sha256:{'0' * 64}\n") for number in range(2)]
    for number, wait_ms in enumerate((0, 2, 4, 8, 16, 32)):
        before = world.api("GET", path, token)
        tagged = {"If-Match": before.headers["etag"]}
        body = {"digest": digests[number % 2]}
        with ThreadPoolExecutor(1) as other:
            asked = other.submit(_promoted, world, token, body, tagged)
            wait([asked], timeout=wait_ms / 1000)
            world.portal.kill()
            asked.result(60)
        world.start_portal()
        again = _promoted(world, token, body, tagged)
        assert again is not None
        assert again.status_code == 200, again.text
        after = world.api("GET", path, token).json()
        assert after["now"]["digest"] == body["digest"]
        assert len(after["history"]) == len(before.json()["history"]) + 1


def _ready(world: World, token: str, lock: str) -> str:
    """Make an environment."""
    build = world.api("POST", "/builds", token, json={"repository": REPOSITORY}).json()["id"]
    wait_for("the agent has it", lambda: world.agent.do(lambda fake: build in fake.requests))
    digest = str(world.agent.do(lambda fake: fake.finish(build, lock)))
    world.reached(token, build, BuildState.READY)
    return digest


def _promoted(world: World, token: str, body: dict[str, str], headers: dict[str, str]) -> httpx.Response | None:
    """Promote, or return None where the answer did not come."""
    address = f"http://127.0.0.1:{world.portal_port}{PORTAL}api/profiles/small/environment"
    try:
        return httpx.post(address, headers={"Authorization": f"token {token}", **headers}, json=body, timeout=60)
    except httpx.TransportError:
        return None


def test_a_hub_that_is_down_costs_nobody_their_session(world: World) -> None:
    """Pages say so for a while; the same cookie is good afterwards."""
    gil = world.signed_in("gil")
    world.hub.kill()
    wait_for("the answer kept is old", lambda: gil.get(f"{PORTAL}environments").status_code == 503, timeout_s=30)
    assert httpx.get(f"http://127.0.0.1:{world.portal_port}{PORTAL}health", timeout=30).status_code == 200
    world.start_hub()
    answer = gil.client.get(f"{PORTAL}environments", follow_redirects=False)
    assert answer.status_code == 200


def test_no_secret_is_in_logs_or_arguments(world: World) -> None:
    """Neither the service's token nor anybody's, nor a repository's; the records are private."""
    written = world.portal.log() + Path(f"/proc/{world.portal.pid}/cmdline").read_text()
    assert not [secret for secret in (TOKEN, "ghp-secret-1", "ab" * 32) if secret in written]
    folder = world.folder / "portal"
    assert {path.stat().st_mode & 0o077 for path in (folder, *folder.iterdir())} == {0}


def test_sigterm_ends_the_portal_at_once(world: World) -> None:
    """A reader of a stream does not hold it up."""
    world.signed_in("hal")
    token = world.token("hal")
    build = world.api("POST", "/builds", token, json={"repository": REPOSITORY}).json()["id"]
    headers = {"Authorization": f"token {token}"}
    address = f"http://127.0.0.1:{world.portal_port}{PORTAL}api/builds/{build}/events"
    with httpx.stream("GET", address, headers=headers, timeout=60) as answer:
        assert next(answer.iter_lines())
        world.portal.end(grace_s=60)
    assert world.portal.child.returncode == 0, world.portal.log()[-2000:]
    world.start_portal()
