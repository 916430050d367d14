"""Real units, on a machine that systemd itself started: never anywhere else, since units are the whole machine's."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubfleet.model.program import HealthCheck, Program, ProgramFile
from hubfleet.platforms.machine import systemd
from hubfleet.platforms.machine.places import Places
from hubfleet.platforms.machine.systemd import UNITS, Systemd
from hubfleet.platforms.machine.units import target_name, unit_name
from programs import free_port, wait_for

pytestmark = [
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.skipif(not Path("/run/systemd/system").exists(), reason="systemd does not run this machine"),
    pytest.mark.skipif(os.geteuid() != 0, reason="units need root"),
]


@pytest.fixture
def units() -> Iterator[Systemd]:
    """Units of a fleet of the test's own; all are gone afterwards."""
    data = Path(tempfile.mkdtemp(prefix="hf-", dir="/var/tmp"))
    data.chmod(0o711)
    places = Places(data)
    places.prepare()
    fleet = f"t{free_port()}"
    made = Systemd(places, fleet)
    made.ensure()
    yield made
    made.end()
    assert not (UNITS / target_name(fleet)).exists()
    assert not (UNITS / unit_name(fleet, "one")).exists()
    shutil.rmtree(data)


def web(port: int, **changes: object) -> Program:
    """A small web server that runs as a user of its own."""
    return Program.model_validate(
        {
            "name": "one",
            "user": "one",
            "command": (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"),
            "health": HealthCheck(url=f"http://127.0.0.1:{port}/"),
            **changes,
        }
    )


def test_a_program_runs_as_its_user_and_is_started_again_when_killed(units: Systemd) -> None:
    """Healthy once it answers; killed with -9, another process answers."""
    assert systemd.possible()
    units.put(web(free_port()))
    units.wait_healthy("one")
    before = units.status()["one"].pid
    assert before is not None
    assert Path(f"/proc/{before}").stat().st_uid >= 190_000
    os.kill(before, signal.SIGKILL)
    wait_for("another process", lambda: units.status()["one"].pid not in {None, before})
    units.wait_healthy("one")
    assert units.status()["one"].restarts == 1


def test_what_runs_unchanged_keeps_its_process_and_a_change_is_a_new_one(units: Systemd) -> None:
    """As with the supervisor."""
    program = web(free_port())
    units.put(program)
    units.wait_healthy("one")
    before = units.processes([program])
    units.put(program)
    assert units.processes([program]) == before
    units.put(program.model_copy(update={"files": (ProgramFile(path="index.html", content="two"),)}))
    wait_for("another process", lambda: units.processes([program]) not in {before, (None,)})
    units.wait_healthy("one")


def test_a_program_cannot_write_outside_its_folders(units: Systemd) -> None:
    """The file system is read-only to it but for what it was given."""
    code = (
        "import pathlib, time\n"
        "try:\n    pathlib.Path('/usr/hubfleet-test').touch(); said = 'written'\n"
        "except OSError as error:\n    said = error.strerror\n"
        "print(said, flush=True)\ntime.sleep(1000)\n"
    )
    units.put(Program(name="one", user="one", command=(sys.executable, "-c", code)))
    log = units.places.logs / "one.log"
    wait_for("its words", lambda: log.exists() and log.read_text().strip())
    assert "Read-only" in log.read_text()
