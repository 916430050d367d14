"""`apply` killed with -9 at each of its steps in turn: the next one says where, goes on, and nothing is doubled."""

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from hubfleet._kit.process import ProcessId
from machines import Machine, environment, machine
from programs import started, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("machine")]

HUB = "sign_in: {with: shared-password}\nallow: {everyone: true}\n"
STEPS = ("agent here", "routes", "proxy", "hub ocean")


def _steps(fleet: Machine) -> list[dict[str, str]]:
    path = fleet.data / "journal"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _killed_at(fleet: Machine, step: str) -> None:
    """Run an apply, and kill it with -9 as soon as its journal says that a step has begun."""
    before = len(_steps(fleet))
    with started(fleet.data.parent) as programs:
        command = [sys.executable, "-m", "hubfleet.cli", "apply", "--yes", "--fleet", str(fleet.folder)]
        running = programs.start("apply", [*command, "--data", str(fleet.data)], env=environment())

        def reached() -> bool:
            assert running.child.poll() is None, running.log()
            rows = [row for row in _steps(fleet)[before:] if row.get("state") == "begun"]
            return any(row["action"].endswith(step) for row in rows)

        wait_for(f"{step} to begin", reached, timeout_s=120, every_s=0.005)
        running.kill()


def test_an_apply_killed_at_each_step_is_continued() -> None:
    """First apply and change alike; each program runs once in the end, and the secrets stay what they were."""
    with machine({"hubs/ocean.yaml": HUB}) as fleet:
        for step in STEPS:
            _killed_at(fleet, step)
        password = fleet.secret("ocean", "shared-password")
        done = fleet.run("apply", "--yes", timeout_s=400)
        assert "the last apply was interrupted at: + hub ocean" in done.stderr
        assert fleet.secret("ocean", "shared-password") == password
        assert "nothing to do" in fleet.run("plan").stdout

        fleet.write({"hubs/ocean.yaml": HUB + "culling: {idle_minutes: 33}\n"})
        _killed_at(fleet, "hub ocean")
        assert "interrupted" in fleet.run("apply", "--yes", timeout_s=400).stderr
        assert "nothing to do" in fleet.run("plan").stdout
        assert {row["state"] for row in fleet.status().values()} == {"healthy"}
        assert _running(fleet) == Counter(dict.fromkeys(fleet.status(), 1))


def _running(fleet: Machine) -> Counter[str]:
    """Count the processes of each program by the mark that each carries, the first of each session only."""
    found: Counter[str] = Counter()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            raw = (path / "environ").read_bytes()
            session = int((path / "stat").read_text().rpartition(")")[2].split()[3])
        except OSError:
            continue
        prefix = f"HUBFLEET_PROGRAM={fleet.data}/".encode()
        mark = next((item for item in raw.split(b"\0") if item.startswith(prefix)), b"")
        if mark and session == int(path.name) and ProcessId.of(session):
            found[mark.decode().rpartition("/")[2]] += 1
    return found
