"""A lasting installation from `apply` to `down`, on a machine that systemd itself started."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubfleet._kit import process
from hubfleet._kit.process import ProcessId
from hubfleet.agent.launchers import labels
from hubfleet.platforms.machine.systemd import UNITS
from machines import Machine, machine
from programs import wait_for

pytestmark = [
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.xdist_group("machine"),
    pytest.mark.skipif(not Path("/run/systemd/system").exists(), reason="systemd does not run this machine"),
    pytest.mark.skipif(os.geteuid() != 0, reason="units need root"),
]

HUB = "sign_in: {with: shared-password}\nallow: {everyone: true}\n"
CHECK = "/users/hubfleet-check"
PAGE = "/user/hubfleet-check/api"
AGENT = "agent-here"


@pytest.fixture(scope="module")
def fleet() -> Iterator[Machine]:
    """One hub, applied to last and proven, with a server."""
    with machine({"hubs/ocean.yaml": HUB}) as made:
        made.run("apply", "--yes")
        assert made.call("ocean", "POST", f"{CHECK}/server").status in {201, 202}
        wait_for("the server", lambda: answers(made), timeout_s=60)
        yield made


def answers(fleet: Machine) -> bool:
    """Say whether the server's own API answers through the front door."""
    token = fleet.secret("ocean", "check-token")
    return fleet.get("hubfleet-check.ocean.localhost", PAGE, token=token).status == 200


def units(fleet: Machine) -> dict[str, str]:
    """Return the fleet's services that systemd knows, with their states."""
    shown = process.run(["systemctl", "list-units", "--all", "--plain", "--no-legend", f"hubfleet-{fleet.name}*"])
    return {row.split()[0]: row.split()[2] for row in shown.stdout.splitlines()}


def scopes() -> list[str]:
    """Return all servers' scopes that systemd knows."""
    shown = process.run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "hubfleet*.scope"])
    return [row.split()[0] for row in shown.stdout.splitlines()]


def server() -> tuple[str, ProcessId]:
    """Return the one server's scope and the first process of its sandbox."""
    (scope,) = scopes()
    label, _, number = scope.removesuffix(".scope").removeprefix("hubfleet-").partition("-")
    found = labels.scan(f"hubfleet-{label}")[number].init
    assert found is not None
    return scope, found


def test_every_program_is_a_unit_that_is_up(fleet: Machine) -> None:
    """And the hub is proven: a notebook ran on a server of it."""
    found = units(fleet)
    assert found.pop(f"hubfleet-{fleet.name}.target") == "active"
    assert {f"hubfleet-{fleet.name}-{name}.service" for name in ("hub-ocean", AGENT, "routes", "proxy")} <= set(found)
    assert set(found.values()) == {"active"}
    rows = json.loads(fleet.run("status", "--json").stdout)
    assert [(hub["hub"], hub["state"], "(proven)" in hub["revision"]) for hub in rows["hubs"]] == [
        ("ocean", "healthy", True)
    ]


def test_a_server_has_a_scope_with_its_limits(fleet: Machine) -> None:
    """All of its processes are there, outside the agent's unit, and the status says whose the limits are."""
    scope, init = server()
    assert f"/{scope}" in Path(f"/proc/{init.pid}/cgroup").read_text()
    assert f"{AGENT}.service" not in Path(f"/proc/{init.pid}/cgroup").read_text()
    memory = process.run(["systemctl", "show", "--value", "--property=MemoryMax", scope]).stdout.strip()
    assert memory.isdigit()
    able = json.loads(fleet.run("status", "--json").stdout)["clusters"]["here"]["abilities"]
    details = {item["name"]: (item["state"], item["detail"]) for item in able}
    assert details["memory-limit"][0] == "full"
    assert "scopes of systemd" in details["memory-limit"][1]


def test_an_apply_without_change_does_nothing(fleet: Machine) -> None:
    """What is applied is seen as it is."""
    assert "nothing to do" in fleet.run("apply", "--yes").stdout


def test_a_killed_agent_is_started_again_and_finds_its_server(fleet: Machine) -> None:
    """The same process goes on answering, and the agent knows it."""
    before = server()
    old = fleet.status()[AGENT]["pid"]
    assert isinstance(old, int)
    os.kill(old, signal.SIGKILL)
    wait_for("another agent", lambda: fleet.status()[AGENT]["pid"] not in {None, old}, every_s=0.2)
    wait_for("a healthy agent", lambda: fleet.status()[AGENT]["state"] == "healthy", every_s=0.2)
    assert answers(fleet)
    assert server() == before
    assert json.loads(fleet.run("status", "--json").stdout)["hubs"][0]["servers"] == "1"


@pytest.mark.parametrize("program", ["hub-ocean", AGENT, "proxy", "routes"])
def test_a_restart_of_a_unit_stops_no_server(fleet: Machine, program: str) -> None:
    """Nor does it part the server from its scope or its hub."""
    before = server()
    process.run(["systemctl", "restart", f"hubfleet-{fleet.name}-{program}.service"], timeout_s=120)
    wait_for("the server", lambda: answers(fleet), timeout_s=60)
    assert server() == before


def test_a_reload_of_the_proxys_unit_keeps_its_process(fleet: Machine) -> None:
    """The signal goes from the unit's user to its own process."""
    before = fleet.status()["proxy"]["pid"]
    process.run(["systemctl", "reload", f"hubfleet-{fleet.name}-proxy.service"], timeout_s=120)
    assert answers(fleet)
    assert fleet.status()["proxy"]["pid"] == before


def test_down_leaves_nothing(fleet: Machine) -> None:
    """No unit, scope, slice, process or unit's file; the last test, since it ends the fleet."""
    fleet.run("down")
    assert units(fleet) == {}
    assert scopes() == []
    slices = process.run(["systemctl", "list-units", "--plain", "--no-legend", "hubfleet*.slice"]).stdout
    assert slices == ""
    assert list(UNITS.glob(f"**/hubfleet-{fleet.name}*")) == []
    marked = str(fleet.data).encode()
    left = [path for path in Path("/proc").glob("[0-9]*/environ") if marked in _read(path)]
    assert left == []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
