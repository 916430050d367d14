"""A hub with builds, from the command line and its portal to a server that runs what a repository asked for."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_servers import GitServer, git_server
from machines import CLUSTER, Machine, machine, up
from people import Member, member
from programs import Answer, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("builds")]

HUB = "sign_in: {with: shared-password}\nallow: {everyone: true}\n"
AT = "2021-06-01T12:00:00Z"
ENDED = {"ready", "failed", "stopped"}


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """A git server on loopback."""
    with git_server(tmp_path_factory.mktemp("git")) as server:
        yield server


@pytest.fixture(scope="module")
def fleet() -> Iterator[Machine]:
    """Two hubs, one of which makes environments."""
    with machine({"hubs/ocean.yaml": HUB + "features: {builds: true}\n", "hubs/maths.yaml": HUB}) as made:
        cluster = made.folder / "clusters" / f"{CLUSTER}.yaml"
        cluster.write_text(cluster.read_text() + "git_hosts: [127.0.0.1]\n")
        with up(made):
            yield made


@pytest.fixture(scope="module")
def ann(fleet: Machine) -> Member:
    """Somebody who has signed in."""
    return member(fleet, "ann")


def portal(person: Member, method: str, path: str, body: object = None, *, token: str) -> Answer:
    """Call the portal's API with a token."""
    raw = json.dumps(body) if body is not None else None
    headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
    return person.ask(method, f"/services/portal/api{path}", body=raw, **headers)


def token_of(person: Member) -> str:
    """Make a token as a person does on the hub's page."""
    return str(json.loads(person.call("POST", f"/users/{person.name}/tokens", {"note": "test"}).text)["token"])


def test_the_command_builds_and_prints_the_digest(fleet: Machine, git: GitServer) -> None:
    """Progress goes to one stream and the digest to the other; the same again is the same."""
    repository = git.repository("command", {"requirements.txt": "six\n"}, at=AT)
    first = fleet.run("build", repository.url)
    assert len(first.stdout.strip()) == 64
    assert "choosing versions as of 2021-06-01" in first.stderr
    assert fleet.run("build", repository.url, "--ref", "main", "--hub", "ocean").stdout == first.stdout
    whole = json.loads(fleet.run("build", repository.url, "--json").stdout)
    assert (whole["state"], whole["digest"], whole["files"]) == ("ready", first.stdout.strip(), ["requirements.txt"])


def test_the_command_says_why_not(fleet: Machine, git: GitServer) -> None:
    """A build that fails ends with status 1 and what to do; a hub without builds is named at once."""
    repository = git.repository("refused", {"Project.toml": "[deps]\n"})
    failed = fleet.run("build", repository.url, check=False)
    assert failed.status == 1
    assert "Julia projects, which Project.toml asks for, cannot be had" in failed.stderr
    refused = fleet.run("build", repository.url, "--hub", "maths", check=False)
    assert "features: {builds: true}" in refused.stderr


def test_a_persons_build_becomes_their_server(fleet: Machine, git: GitServer, ann: Member) -> None:
    """Begun through the portal with a person's own token, followed to its end, and a server starts with it."""
    repository = git.repository("persons", {"requirements.txt": "six==1.15.0\n"}, at=AT)
    token = token_of(ann)
    begun = portal(ann, "POST", "/builds", {"repository": repository.url}, token=token)
    assert begun.status == 202, begun.text
    path = f"/builds/{json.loads(begun.text)['id']}"

    def state() -> dict[str, str]:
        return dict(json.loads(portal(ann, "GET", path, token=token).text))

    wait_for(
        "the build", lambda: state()["state"] not in {"queued", "fetching", "resolving", "realising"}, timeout_s=120
    )
    build = state()
    assert build["state"] == "ready", build
    lock = portal(ann, "GET", f"/environments/{build['digest']}/lock", token=token).text
    assert "six==1.15.0 --hash" in lock
    assert ann.call("POST", "/users/ann/server", {"environment": build["digest"]}).status in {201, 202}
    wait_for("the server", lambda: ann.server().get("ready"), timeout_s=120, every_s=0.1)
    options = dict(ann.server()["user_options"])  # type: ignore[call-overload]
    assert options["environment"] == build["digest"]
    ann.stop()


def test_others_see_nothing_of_it(fleet: Machine, git: GitServer, ann: Member) -> None:
    """Another person of the hub finds neither build nor list entry."""
    repository = git.repository("hidden", {"requirements.txt": "six\n"}, at=AT)
    begun = json.loads(portal(ann, "POST", "/builds", {"repository": repository.url}, token=token_of(ann)).text)
    bob = member(fleet, "bob")
    token = token_of(bob)
    assert portal(bob, "GET", f"/builds/{begun['id']}", token=token).status == 404
    assert repository.url not in portal(bob, "GET", "/builds", token=token).text


def test_a_portal_that_is_killed_ends_no_build(fleet: Machine, git: GitServer, ann: Member) -> None:
    """The build goes on in the agent, and the next portal knows how it ended."""
    repository = git.repository("killed", {"requirements.txt": "six\nnumpy\n"})
    token = token_of(ann)
    begun = json.loads(portal(ann, "POST", "/builds", {"repository": repository.url}, token=token).text)
    fleet.kill("portal-ocean")
    path = f"/builds/{begun['id']}"
    wait_for("the end", lambda: json.loads(portal(ann, "GET", path, token=token).text)["state"] in ENDED, timeout_s=120)
    found = json.loads(portal(ann, "GET", path, token=token).text)
    assert found["state"] == "ready", found


def test_an_agent_that_is_killed_ends_no_build(fleet: Machine, git: GitServer, ann: Member) -> None:
    """The portal asks the next agent for the same build, which goes on with what was found before."""
    repository = git.repository("killed-too", {"requirements.txt": "six\npandas\n"})
    token = token_of(ann)
    begun = json.loads(portal(ann, "POST", "/builds", {"repository": repository.url}, token=token).text)
    fleet.kill(f"agent-{CLUSTER}")
    path = f"/builds/{begun['id']}"
    wait_for("the end", lambda: json.loads(portal(ann, "GET", path, token=token).text)["state"] in ENDED, timeout_s=180)
    found = json.loads(portal(ann, "GET", path, token=token).text)
    assert found["state"] == "ready", found


def test_no_token_is_kept(fleet: Machine, tmp_path: Path, ann: Member) -> None:
    """A private repository's token is in no file of the fleet's data and no log."""
    with git_server(tmp_path, password="very-s3cret") as server:
        repository = server.repository("private", {"requirements.txt": "six\n"}, at=AT)
        file = tmp_path / "token"
        file.write_text("very-s3cret\n")
        assert fleet.run("build", repository.url, "--token-file", str(file)).stdout
        assert "is private" in fleet.run("build", repository.url, check=False).stderr
    for path in fleet.data.rglob("*"):
        if path.is_file() and not path.is_symlink() and "software" not in path.parts:
            assert b"very-s3cret" not in path.read_bytes(), path


def test_environments_are_chosen_by_name_on_the_spawn_page(fleet: Machine, git: GitServer) -> None:
    """At once when made, renamed, shared or deleted; and by what was known last while the portal is away."""
    repository = git.repository("named", {"requirements.txt": "six==1.16.0\n"}, at=AT)
    eve, fay = member(fleet, "eve"), member(fleet, "fay")
    token = token_of(eve)
    begun = json.loads(portal(eve, "POST", "/builds", {"repository": repository.url}, token=token).text)
    path = f"/builds/{begun['id']}"
    wait_for("the end", lambda: json.loads(portal(eve, "GET", path, token=token).text)["state"] in ENDED, timeout_s=180)
    digest = json.loads(portal(eve, "GET", path, token=token).text)["digest"]
    shown(eve, f'value="{digest}" dir="auto">&#x2068;named&#x2069;<')
    assert digest not in fay.ask("GET", "/hub/spawn").text
    change = {"name": "\u0628\u062d\u0631", "shared_with": "everybody"}
    assert portal(eve, "PATCH", f"/environments/{digest}", change, token=token).status == 200
    named = f"{change['name']}&#x2069; (of &#x2068;eve&#x2069;)<"
    shown(fay, named)
    assert portal(fay, "DELETE", f"/environments/{digest}", token=token_of(fay)).status == 403
    pid = fleet.pid("portal-ocean")
    os.kill(pid, signal.SIGSTOP)
    try:
        assert named in fay.ask("GET", "/hub/spawn").text
    finally:
        os.kill(pid, signal.SIGCONT)
    assert portal(eve, "DELETE", f"/environments/{digest}", token=token).status == 204
    wait_for("it is gone", lambda: digest not in fay.ask("GET", "/hub/spawn").text)


def shown(person: Member, part: str) -> None:
    """Wait until somebody's spawn page has a part; it may be a second old."""
    wait_for("the spawn page", lambda: part in person.ask("GET", "/hub/spawn").text)
