"""From continuous integration to the next start: a commit is built, proven, promoted, and another comes back."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agents import SOFTWARE
from git_servers import GitServer, Repository, git_server
from hubfleet._kit import process
from hubfleet._kit.process import Finished
from hubfleet.model.access import PROMOTE
from hubfleet.protocol.front_door import FrontDoor
from machines import CLUSTER, ROOT, Machine, environment, machine, up
from people import Member, member
from programs import ask, wait_for
from runners import Runner

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("builds")]

HUB = f"""
sign_in: {{with: shared-password}}
allow: {{everyone: true}}
features: {{builds: true}}
named_servers: 1
profiles: {{standard: {{}}, large: {{}}}}
roles: {{robots: {{scopes: ["{PROMOTE}"], people: [bot]}}}}
"""
AT = "2022-06-01T12:00:00Z"
ACCESS = "access:services!service=portal"
PROVES = ("servers!user", "access:servers!user", "read:users!user")
READS_DATA = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": "# text"},
        {"cell_type": "code", "metadata": {}, "source": ["import six, os\n", "print(six.__version__)"]},
        {"cell_type": "code", "metadata": {}, "source": "assert open('data.txt').read() == 'seven'"},
        {"cell_type": "code", "metadata": {"tags": ["raises-exception"]}, "source": "1 / 0"},
        {"cell_type": "code", "metadata": {"tags": ["skip-execution"]}, "source": "raise SystemExit"},
    ],
    "metadata": {"kernelspec": {"name": "python3", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with git_server(tmp_path_factory.mktemp("git")) as server:
        yield server


@pytest.fixture(scope="module")
def fleet() -> Iterator[Machine]:
    with machine({"hubs/ocean.yaml": HUB}) as made:
        cluster = made.folder / "clusters" / f"{CLUSTER}.yaml"
        cluster.write_text(cluster.read_text() + "git_hosts: [127.0.0.1]\n")
        with up(made):
            yield made


@pytest.fixture(scope="module")
def bot(fleet: Machine) -> Member:
    return member(fleet, "bot")


@pytest.fixture(scope="module")
def ann(fleet: Machine) -> Member:
    return member(fleet, "ann")


@pytest.fixture(scope="module")
def token(bot: Member) -> str:
    """A token that promotes, and may do nothing else."""
    return token_of(bot, ACCESS, PROMOTE)


def token_of(person: Member, *scopes: str) -> str:
    """Make a token with these scopes, or with all that its person has."""
    asked = {"note": "ci", **({"scopes": list(scopes)} if scopes else {})}
    answer = person.call("POST", f"/users/{person.name}/tokens", asked)
    assert answer.status == 201, answer.text
    return str(json.loads(answer.text)["token"])


def ci(fleet: Machine, token: str, *arguments: str, status: int = 0) -> Finished:
    """Run the command as somewhere else: no fleet, an address, and a token in a variable."""
    variables = {**environment(), "HUBFLEET_URL": url(fleet), "HUBFLEET_TOKEN": token}
    command = ["python3", "-m", "hubfleet.cli", *arguments]
    command[0] = str(ROOT / ".venv/bin/python")
    done = process.run(command, env=variables, check=False, timeout_s=300, cwd=Path("/"))
    assert done.status == status, f"{done.stdout}\n{done.stderr}"
    return done


def url(fleet: Machine) -> str:
    return f"http://ocean.localhost:{fleet.port}"


def in_kernel(person: Member, code: str) -> str:
    """Run code on somebody's server, as a notebook would, and return what it printed."""
    door = FrontDoor(f"http://{person.name}.ocean.localhost:{person.fleet.port}", "", ("127.0.0.1", person.fleet.port))
    token, path = token_of(person), f"/user/{person.name}/api/kernels"
    kernel = door.call("POST", path, token=token, body={"name": "python3"})
    outputs = door.execute(f"{path}/{kernel['id']}/channels", code, token=token)
    return "".join(str(output.get("text", output)) for output in outputs).strip()


@contextmanager
def server(person: Member, **options: str) -> Iterator[None]:
    """Start somebody's server by the API with these options, for the length of a block."""
    # without any, JupyterHub takes those of the last start
    answer = person.call("POST", f"/users/{person.name}/server", {"profile": "standard", **options})
    assert answer.status in {201, 202}, answer.text
    wait_for("the server", lambda: person.server().get("ready") or not person.server(), timeout_s=120, every_s=0.1)
    assert person.server(), "it did not start"
    try:
        yield
    finally:
        person.stop()


def six(person: Member, **options: str) -> str:
    """Return which `six` a new server of somebody has."""
    with server(person, **options):
        return in_kernel(person, "import six; print(six.__version__)")


def built(fleet: Machine, token: str, repository: Repository, *more: str) -> str:
    return ci(fleet, token, "build", repository.url, *more).stdout.strip()


def test_a_new_commit_is_what_the_next_start_has_and_the_one_before_comes_back(
    fleet: Machine, git: GitServer, token: str, ann: Member
) -> None:
    """With the narrow token alone; a server that runs meanwhile has what it started with."""
    repository = git.repository("course", {"requirements.txt": "six==1.15.0\n"}, at=AT)
    built(fleet, token, repository, "--promote", "standard")
    with server(ann):
        repository.commit({"requirements.txt": "six==1.16.0\n"}, at=AT)
        built(fleet, token, repository, "--promote", "standard")
        assert in_kernel(ann, "import six; print(six.__version__)") == "1.15.0"
    assert six(ann) == "1.16.0"
    assert "No module named 'six'" not in six(ann, profile="standard")
    ci(fleet, token, "promote", "standard", "--back")
    assert six(ann) == "1.15.0"
    shown = json.loads(ci(fleet, token, "promote", "standard", "--json").stdout)
    assert [(step["by"], step["back"]) for step in shown["history"]] == [("bot", True), ("bot", False), ("bot", False)]
    page = ann.ask("GET", "/hub/spawn").text
    assert f'Software: <bdi>course</bdi> <code title="{shown["now"]["digest"]}">' in page


def test_who_chooses_another_gets_it(fleet: Machine, git: GitServer, token: str, ann: Member) -> None:
    """An environment of their own, or the hub's own software."""
    promoted = git.repository("promoted", {"requirements.txt": "six==1.13.0\n"}, at=AT)
    other = git.repository("other", {"requirements.txt": "six==1.12.0\n"}, at=AT)
    built(fleet, token, promoted, "--promote", "large")
    digest = built(fleet, token, other)
    assert six(ann, profile="large") == "1.13.0"
    assert six(ann, profile="large", environment=digest) == "1.12.0"
    with server(ann, profile="large", environment="base"):
        assert in_kernel(ann, "import jupyterlab; print('own')") == "own"


def test_a_token_for_promotions_does_nothing_else(fleet: Machine, token: str, ann: Member) -> None:
    """Neither start a server, nor see people; and an ordinary person's token does not promote."""
    for method, path in (("POST", "/users/bot/server"), ("GET", "/users"), ("POST", "/users/bot/tokens")):
        headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
        host = f"ocean.localhost:{fleet.port}"
        answer = ask(fleet.port, f"/hub/api{path}", host=host, method=method, headers=headers, body="{}")
        assert answer.status in {403, 404}
    whole = json.loads(ann.call("POST", "/users/ann/tokens", {"note": "all"}).text)["token"]
    refused = ci(fleet, whole, "promote", "standard", "ab" * 32, status=1)
    assert "you may not change which environments" in refused.stderr
    assert PROMOTE in refused.stderr
    answer = ann.call("POST", "/users/ann/tokens", {"note": "ci", "scopes": [PROMOTE]})
    assert answer.status in {400, 403}


def test_a_start_goes_on_with_what_was_known_while_the_portal_is_away(
    fleet: Machine, git: GitServer, token: str, ann: Member
) -> None:
    """The portal is stopped in its tracks; the profile has what it had."""
    repository = git.repository("away", {"requirements.txt": "six==1.14.0\n"}, at=AT)
    built(fleet, token, repository, "--promote", "standard")
    assert six(ann) == "1.14.0"
    pid = fleet.pid("portal-ocean")
    os.kill(pid, signal.SIGSTOP)
    try:
        assert six(ann) == "1.14.0"
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_cluster_that_lost_an_environment_and_its_lock_gets_it_again(
    fleet: Machine, git: GitServer, token: str, ann: Member
) -> None:
    """By the start itself, also of one that no profile has."""
    repository = git.repository("lost", {"requirements.txt": "six==1.11.0\n"}, at=AT)
    digest = built(fleet, token, repository)
    lock = SOFTWARE / "locks" / f"{digest}.txt"
    assert lock.exists()
    lock.unlink()
    for path in (SOFTWARE / "environments").glob(f"{digest[:32]}-*"):
        shutil.rmtree(path)
    assert six(ann, environment=digest) == "1.11.0"
    assert lock.exists()


def test_a_proof_runs_the_notebooks_and_leaves_nothing(
    fleet: Machine, git: GitServer, bot: Member, tmp_path: Path
) -> None:
    """On a server beside the person's own, with the files that they read; a cell that fails promotes nothing."""
    repository = git.repository("proven", {"requirements.txt": "six==1.10.0\n"}, at=AT)
    notebook, data = tmp_path / "part" / "one.ipynb", tmp_path / "part" / "data.txt"
    notebook.parent.mkdir()
    notebook.write_text(json.dumps(READS_DATA))
    data.write_text("seven")
    whole = token_of(bot, ACCESS, PROMOTE, *PROVES)
    asked = ("build", repository.url, "--prove", str(tmp_path), "--promote", "large")
    with server(bot):
        proven = ci(fleet, whole, *asked)
        assert "proven: 1 notebook ran" in proven.stderr
        assert in_kernel(bot, "import os; print(os.listdir('.'))").count("hubfleet-proof") == 0
    now = json.loads(ci(fleet, whole, "promote", "large", "--json").stdout)["now"]
    assert now["digest"] == proven.stdout.strip()
    data.write_text("eight")
    repository.commit({"requirements.txt": "six==1.9.0\n"}, at=AT)
    failed = ci(fleet, whole, *asked, status=1)
    assert "part/one.ipynb: cell 3 failed: AssertionError" in failed.stderr
    assert json.loads(ci(fleet, whole, "promote", "large", "--json").stdout)["now"]["digest"] == now["digest"]
    assert json.loads(bot.call("GET", "/users/bot").text)["servers"] == {}


def test_the_action_builds_proves_and_promotes(
    fleet: Machine, git: GitServer, bot: Member, ann: Member, tmp_path: Path
) -> None:
    """Its steps as a runner runs them, in a software of its own; without a profile nothing is promoted."""
    repository = git.repository("action", {"requirements.txt": "six==1.15.0\nipykernel\n", "data.txt": "seven"}, at=AT)
    commit = repository.commit({"one.ipynb": json.dumps(READS_DATA)}, at=AT)
    (tmp_path / "temp").mkdir()
    server, _, path = repository.url.rpartition("/")
    github = {"server_url": server, "repository": path, "sha": commit}
    runner = Runner(ROOT, repository.folder, tmp_path / "temp", github)
    token = token_of(bot, ACCESS, PROMOTE, *PROVES)
    before = json.loads(ci(fleet, token, "promote", "large", "--json").stdout)["now"]
    steps = runner.run(hub=url(fleet), token=token)
    assert [step.status for step in steps] == [0, 0], steps[-1].stderr
    assert "proven: 1 notebook ran" in steps[-1].stderr
    assert json.loads(ci(fleet, token, "promote", "large", "--json").stdout)["now"] == before
    assert runner.run(hub=url(fleet), token=token, profile="large")[-1].status == 0
    digest = runner.outputs["digest"]
    assert json.loads(ci(fleet, token, "promote", "large", "--json").stdout)["now"]["digest"] == digest
    assert six(ann, profile="large") == "1.15.0"
    assert token not in "".join(step.stdout + step.stderr for step in steps)
