"""What goes wrong around a fleet on one machine: a clear message, what to do, and nothing lost."""

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from hubfleet._kit.files import locked
from hubfleet._kit.process import ProcessId
from machines import Machine, environment, machine, up
from people import token_of_server
from programs import started, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("machine")]

HUB = "sign_in: {with: shared-password}\nallow: {everyone: true}\n"
CHECK = "/users/hubfleet-check"


@pytest.fixture(scope="module")
def fleet() -> Iterator[Machine]:
    """One hub, up."""
    with machine({"hubs/ocean.yaml": HUB}) as made, up(made):
        yield made


def test_a_front_door_that_is_taken_is_named() -> None:
    """Another program has the port: which one to look for, and which line to change."""
    with machine({"hubs/ocean.yaml": HUB}) as made, socket.socket() as taken:
        taken.bind(("127.0.0.1", made.port))
        taken.listen()
        done = made.run("apply", "--yes", check=False)
    assert done.status == 1
    assert f"another program listens on 127.0.0.1:{made.port} already" in done.stderr
    assert "clusters/here.yaml" in done.stderr


def test_a_second_up_says_who_is_first(fleet: Machine) -> None:
    """Two cannot meet; the first goes on."""
    done = fleet.run("up", check=False)
    assert done.status == 1
    assert "runs for the fleet" in done.stderr
    assert fleet.get("ocean.localhost", "/hub/login").status == 200


def test_two_applies_cannot_meet(fleet: Machine) -> None:
    """The second says who holds the lock, and changes nothing."""
    fleet.write({"hubs/ocean.yaml": HUB + "culling: {idle_minutes: 33}\n"})
    hub = fleet.pid("hub-ocean")
    try:
        with locked(fleet.data / "apply.lock", what="a test", hint=""):
            done = fleet.run("apply", "--yes", check=False)
    finally:
        fleet.write({"hubs/ocean.yaml": HUB})
    assert done.status == 1
    assert f"another apply is under way (process {os.getpid()} holds" in done.stderr
    assert "hint: wait for its end" in done.stderr
    assert fleet.pid("hub-ocean") == hub


def test_a_lock_that_a_dead_process_left_holds_nothing(fleet: Machine) -> None:
    """The kernel frees a lock with its process; what is written in the file is for people only."""
    (fleet.data / "apply.lock").write_text("99999999")
    fleet.write({"hubs/ocean.yaml": HUB + "announcement: Hello\n"})
    assert fleet.run("apply", "--yes").status == 0


def test_a_damaged_database_of_a_hub_is_named_and_left_alone() -> None:
    """The hub does not come up, the last words say why, and the file is as it was: for a backup to replace."""
    with machine({"hubs/ocean.yaml": HUB}) as made:
        database = made.data / "hubs" / "ocean" / "jupyterhub.sqlite"
        database.parent.mkdir(parents=True)
        database.write_bytes(b"garbage" * 1000)
        done = made.run("apply", "--yes", check=False)
        assert done.status == 1
        assert "program 'hub-ocean' does not come up" in done.stderr
        assert f"the hub's database {database} is damaged (file is not a database): put a backup" in done.stderr
        assert database.read_bytes() == b"garbage" * 1000


def test_no_secret_is_in_what_others_can_see(fleet: Machine) -> None:
    """Not in a command line of any process, in the plan, the status, the revisions or a program's log."""
    values = [
        path.read_text().strip()
        for path in (fleet.data / "secrets").glob("*/*")
        if path.name not in {"agent-key"} and path.is_file()
    ]
    keys = [json.loads(path.read_text())["d"] for path in (fleet.data / "secrets").glob("*/agent-key")]
    assert len(values) > 5
    assert keys
    seen = _command_lines()
    seen += fleet.run("plan").stdout + fleet.run("status", "--json").stdout
    seen += "".join(path.read_text(errors="replace") for path in (fleet.data / "logs").glob("*.log"))
    seen += "".join(path.read_text() for path in (fleet.data / "revisions").glob("*/*.json"))
    assert [value for value in (*values, *keys) if value in seen] == []


def test_others_on_the_machine_can_read_no_state(fleet: Machine) -> None:
    """Databases, secrets, homes and revisions are closed to everybody but their owner."""
    for name in ("secrets/ocean/cookie", "hubs/ocean/jupyterhub.sqlite", "agents/here/agent.sqlite"):
        assert (fleet.data / name).stat().st_mode & 0o007 == 0, name
    for name in ("hubs/ocean", "secrets/ocean", "revisions", "logs"):
        assert (fleet.data / name).stat().st_mode & 0o007 == 0, name


def test_stopping_a_server_ends_its_token(fleet: Machine) -> None:
    """After a restart of the hub too, which no longer knows the token."""
    assert fleet.call("ocean", "POST", f"{CHECK}/server", {}).status in {201, 202}
    wait_for("the server", lambda: _server(fleet).get("ready"), timeout_s=90, every_s=0.1)
    token = token_of_server(fleet, "ocean", "hubfleet-check", fleet.secret("ocean", "check-token"))
    assert _with(fleet, token) == 200
    fleet.kill("hub-ocean")
    wait_for("the server again", lambda: _server(fleet).get("ready"), timeout_s=60, every_s=0.2)
    assert fleet.call("ocean", "DELETE", f"{CHECK}/server").status in {202, 204}
    wait_for("its end", lambda: not _server(fleet), timeout_s=60, every_s=0.2)
    assert _with(fleet, token) == 403


def test_damaged_choices_and_wishes_do_not_keep_a_hub_down(fleet: Machine) -> None:
    """Files that are only hints may be garbage."""
    (fleet.data / "hubs/ocean/stops.json").write_text("garbage")
    fleet.kill("hub-ocean")
    assert fleet.get("ocean.localhost", "/hub/login").status == 200


def test_a_damaged_revision_is_named() -> None:
    """Plan refuses, says which file, and what to do."""
    with machine({"hubs/ocean.yaml": HUB}) as made:
        folder = made.data / "revisions" / "hub-ocean"
        folder.mkdir(parents=True)
        (folder / "000001.json").write_text("{")
        done = made.run("plan", check=False)
    assert done.status == 1
    assert "000001.json is damaged" in done.stderr


def test_ctrl_c_while_starting_leaves_nothing() -> None:
    """Interrupted in the middle of the first start, all that ran is gone, and the next start goes on."""
    with machine({"hubs/ocean.yaml": HUB}) as made, started(made.data.parent) as programs:
        command = [sys.executable, "-m", "hubfleet.cli", "up", "--fleet", str(made.folder), "--data", str(made.data)]
        running = programs.start("up", command, env=environment())
        wait_for("the proxy", (made.data / "programs/proxy/process.json").exists, timeout_s=120)
        pids = [made.pid(path.parent.name) for path in (made.data / "programs").glob("*/process.json")]
        running.signal(signal.SIGINT)
        running.child.wait(60)
        assert [pid for pid in pids if ProcessId.of(pid)] == []
        assert "the last apply was interrupted" in made.run("apply", "--yes").stderr


def _command_lines() -> str:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_text(errors="replace"))
    return "\n".join(found)


def _server(fleet: Machine) -> dict[str, object]:
    answer = fleet.call("ocean", "GET", CHECK)
    assert answer.status == 200, answer.text
    return dict(json.loads(answer.text)["servers"].get("") or {})


def _with(fleet: Machine, token: str) -> int:
    return fleet.get("ocean.localhost", "/hub/api/user", token=token).status
