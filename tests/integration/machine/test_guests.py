"""People who do not sign in: a temporary server each, from `/build` alone, and nothing left of them."""

import json
from collections.abc import Iterator

import pytest

from git_servers import GitServer, git_server
from guests import Told, build, server
from machines import CLUSTER, Machine, machine, up
from people import Member, member
from programs import Answer, ask, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("builds")]

DOCS = "https://docs.example.org"
HUB = """\
sign_in: {with: shared-password}
allow: {people: [ann, root]}
admins: [root]
shared_folders: {pool: {}}
features:
  builds:
    anonymous: {origins: ["https://docs.example.org"], per_address: 3, starts_per_hour: 100}
"""
AT = "2021-06-01T12:00:00Z"


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """A git server on loopback."""
    with git_server(tmp_path_factory.mktemp("git")) as made:
        yield made


@pytest.fixture(scope="module")
def fleet() -> Iterator[Machine]:
    """A hub with temporary servers."""
    with machine({"hubs/ocean.yaml": HUB}) as made:
        cluster = made.folder / "clusters" / f"{CLUSTER}.yaml"
        cluster.write_text(cluster.read_text() + "git_hosts: [127.0.0.1]\n")
        with up(made):
            yield made


@pytest.fixture(scope="module")
def told(fleet: Machine, git: GitServer) -> Told:
    """What a stranger is told who asks for a repository."""
    return build(fleet, git.repository("waves", {"requirements.txt": "six==1.15.0\n", "a.txt": "hello"}, at=AT).url)


@pytest.fixture(scope="module")
def root(fleet: Machine) -> Member:
    """The hub's admin."""
    return member(fleet, "root", admin=True)


def guest_asks(fleet: Machine, told: Told, method: str, path: str, body: object = None) -> Answer:
    """Send a request to the hub's own address with the token that a guest got."""
    headers = {"Authorization": f"token {told.last['token']}", "Content-Type": "application/json"}
    raw = json.dumps(body) if body is not None else None
    return ask(fleet.port, path, host=f"ocean.localhost:{fleet.port}", method=method, headers=headers, body=raw)


def run_in(fleet: Machine, token: str, method: str, path: str) -> int:
    """Send a request to the hub with a token that code in a server has in hand."""
    headers = {"Authorization": f"token {token}"}
    return ask(fleet.port, path, host=f"ocean.localhost:{fleet.port}", method=method, headers=headers).status


def test_a_stranger_gets_a_server_with_the_repositorys_files(fleet: Machine, told: Told) -> None:
    """By a token that opens it; without one it is closed."""
    ready = told.last
    assert ready["phase"] == "ready", told.phases
    assert "/user/anonymous-1/" in ready["url"]
    assert json.loads(server(fleet, ready, "api/contents/a.txt").text)["content"] == "hello"
    assert server(fleet, ready, "api/contents", Authorization="token none").status == 403
    assert server(fleet, ready, "api/contents/shared").status == 404


def test_the_token_does_nothing_else(fleet: Machine, told: Told, root: Member) -> None:
    """No server of anybody's, no token, no user, no promotion, nothing of the portal."""
    member(fleet, "ann").start()
    anns = {**told.last, "url": str(told.last["url"]).replace("anonymous-1", "ann")}
    assert server(fleet, anns, "api/contents").status == 403
    tries = {
        ("GET", "/hub/api/users"): 403,
        ("GET", "/hub/api/users/ann"): 404,
        ("GET", "/hub/api/groups"): 403,
        ("POST", "/hub/api/users/anonymous-1/tokens"): 403,
        ("POST", "/hub/api/users/anonymous-1/server"): 403,
        ("DELETE", "/hub/api/users/anonymous-1/server"): 403,
        ("DELETE", "/hub/api/users/ann"): 403,
        ("POST", "/hub/api/users/anonymous-2"): 403,
        ("GET", "/services/portal/api/environments"): 403,
        ("POST", "/services/portal/api/builds"): 403,
        ("POST", "/services/portal/api/profiles/standard/environment"): 403,
    }
    got = {(method, path): guest_asks(fleet, told, method, path, {}).status for method, path in tries}
    assert got == tries


def test_the_portals_own_token_reaches_guests_alone(fleet: Machine, told: Told) -> None:
    """It is no admin's: whoever took it could neither make nor change nor remove anybody who signs in."""
    token = fleet.secret("ocean", "portal-token")
    for method, path in [
        ("POST", "/hub/api/users/mallory"),
        ("DELETE", "/hub/api/users/ann"),
        ("POST", "/hub/api/users/ann/tokens"),
        ("POST", "/hub/api/users/ann/server"),
        ("POST", "/hub/api/users/root/tokens"),
    ]:
        assert run_in(fleet, token, method, path) in {403, 404}, path
    listed = ask(
        fleet.port,
        "/hub/api/users",
        host=f"ocean.localhost:{fleet.port}",
        headers={"Authorization": f"token {token}"},
    )
    assert {user["name"] for user in json.loads(listed.text)} == {"anonymous-1"}


def test_only_named_origins_are_answered(fleet: Machine, told: Told) -> None:
    """By the guest's server; a signed-in person's answers none."""
    ann = {**told.last, "url": str(told.last["url"]).replace("anonymous-1", "ann")}
    for ready, origin, allowed in (
        (told.last, DOCS, DOCS),
        (told.last, f"{DOCS}.evil.example", None),
        (ann, DOCS, None),
    ):
        answer = server(fleet, ready, "api/status", Origin=origin)
        assert answer.headers.get("access-control-allow-origin") == allowed, origin
        assert "access-control-allow-credentials" not in answer.headers


def test_nothing_is_left_when_the_server_has_ended(fleet: Machine, told: Told, root: Member) -> None:
    """User, token, home and records go, and the next stranger gets the same place with nothing in it."""
    assert root.call("DELETE", "/users/anonymous-1/server").status in {202, 204}
    wait_for("their end", lambda: root.call("GET", "/users/anonymous-1").status == 404, timeout_s=60, every_s=0.2)
    assert guest_asks(fleet, told, "GET", "/hub/api/user").status == 403
    data = fleet.data / "agents" / CLUSTER
    assert not list((data / "fresh").iterdir())
    assert not [path for path in (data / "homes" / "ocean").iterdir() if path.name.startswith("anonymous")]
    token = json.loads(root.call("POST", "/users/root/tokens", {"note": "test"}).text)["token"]
    headers = {"Authorization": f"token {token}"}

    def builds() -> str:
        return root.ask("GET", "/services/portal/api/builds", **headers).text

    wait_for("the records' end", lambda: "anonymous-" not in builds(), timeout_s=30)
    again = build(fleet, told.last["repo_url"]).last
    assert again["phase"] == "ready", again
    assert server(fleet, {**again, "token": told.last["token"]}, "api/contents").status == 403


def test_a_portal_that_is_killed_finds_its_guests_again(fleet: Machine, root: Member) -> None:
    """Their servers run on, and go with the next portal when they end."""
    (name,) = [user["name"] for user in json.loads(root.call("GET", "/users").text) if "anonymous" in user["name"]]
    fleet.kill("portal-ocean")
    assert root.call("GET", f"/users/{name}").status == 200
    assert root.call("DELETE", f"/users/{name}/server").status in {202, 204}
    wait_for("their end", lambda: root.call("GET", f"/users/{name}").status == 404, timeout_s=60, every_s=0.2)
