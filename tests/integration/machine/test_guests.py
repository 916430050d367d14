"""People who do not sign in: a temporary server each, from `/build` alone, and nothing left of them."""

import json
from collections.abc import Iterator

import pytest

from git_servers import GitServer, git_server
from guests import build, server
from machines import CLUSTER, Machine, machine, up
from people import member
from programs import ask, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("builds")]

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


def test_a_stranger_gets_a_server_and_nothing_is_left_of_it(fleet: Machine, git: GitServer) -> None:
    """A token that opens it alone; when the server has ended, user, token, home and records go too."""
    repository = git.repository("waves", {"requirements.txt": "six==1.15.0\n", "a.txt": "hello"}, at=AT)
    told = build(fleet, repository.url)
    ready = told.last
    assert ready["phase"] == "ready", told.phases
    assert "/user/anonymous-1/" in ready["url"]
    assert json.loads(server(fleet, ready, "api/contents/a.txt").text)["content"] == "hello"
    assert server(fleet, ready, "api/contents", Authorization="token none").status == 403
    host = f"ocean.localhost:{fleet.port}"
    mine = {"Authorization": f"token {ready['token']}"}
    assert json.loads(ask(fleet.port, "/hub/api/user", host=host, headers=mine).text)["groups"] == []
    root = member(fleet, "root", admin=True)
    assert root.call("DELETE", "/users/anonymous-1/server").status in {202, 204}
    wait_for("their end", lambda: root.call("GET", "/users/anonymous-1").status == 404, timeout_s=60, every_s=0.2)
    assert ask(fleet.port, "/hub/api/user", host=host, headers=mine).status == 403
    assert not list((fleet.data / "agents" / CLUSTER / "fresh").iterdir())
