"""The supervisor keeps programs up, survives kill -9 without ending or doubling any, and leaves nothing."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubfleet._kit import process
from hubfleet._kit.process import ProcessId
from hubfleet.errors import PlatformError
from hubfleet.model.program import HealthCheck, Program, ProgramFile
from hubfleet.platforms.machine.control import Control
from hubfleet.platforms.machine.places import Places
from programs import free_port, wait_for

pytestmark = pytest.mark.integration


@pytest.fixture
def control() -> Iterator[Control]:
    """A supervisor of its own; all of it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="hf-", dir="/tmp") as folder:  # short, since unix sockets lie below it
        places = Places(Path(folder))
        places.prepare()
        control = Control(places)
        control.ensure()
        yield control
        control.ensure()
        control.end()
        assert not control.runs()


def web(name: str, port: int, **changes: object) -> Program:
    """A small web server as a program."""
    return Program.model_validate(
        {
            "name": name,
            "command": (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"),
            "health": HealthCheck(url=f"http://127.0.0.1:{port}/"),
            **changes,
        }
    )


def supervisor_of(control: Control) -> ProcessId:
    holder = (control.places.data / "supervisor.lock").read_text()
    found = ProcessId.of(int(holder))
    assert found is not None
    return found


def kill(found: ProcessId | int | None) -> None:
    assert found is not None
    pid = found.pid if isinstance(found, ProcessId) else found
    os.kill(pid, signal.SIGKILL)


def test_a_program_that_is_killed_is_started_again(control: Control) -> None:
    """Another process answers, and the count of restarts says so."""
    control.put(web("one", free_port()))
    control.wait_healthy("one")
    before = control.status()["one"].pid
    kill(before)
    wait_for("another process", lambda: control.status()["one"].pid not in {None, before})
    control.wait_healthy("one")
    assert control.status()["one"].restarts == 1


def test_programs_survive_the_supervisor_and_are_taken_over(control: Control) -> None:
    """Killed with -9 and started again, it has the same processes, which it can still end."""
    control.put(web("one", free_port()))
    control.wait_healthy("one")
    before = control.status()["one"].pid
    kill(supervisor_of(control))
    wait_for("the supervisor's end", lambda: not control.runs())
    control.ensure()
    control.wait_healthy("one")
    assert control.status()["one"].pid == before
    control.remove("one")
    assert before is not None
    assert ProcessId.of(before) is None


def test_a_process_that_was_not_recorded_is_found(control: Control) -> None:
    """Killed between starting a program and writing it down, the supervisor starts no second one."""
    control.put(web("one", free_port()))
    control.wait_healthy("one")
    before = control.status()["one"].pid
    kill(supervisor_of(control))
    wait_for("the supervisor's end", lambda: not control.runs())
    (control.places.programs / "one" / "process.json").unlink()
    control.ensure()
    control.wait_healthy("one")
    assert control.status()["one"].pid == before


def test_only_what_changed_is_restarted(control: Control) -> None:
    """The same program again is nothing; another file content is a new process."""
    port = free_port()
    program = web("one", port, files=(ProgramFile(path="index.html", content="one"),))
    control.put(program)
    control.wait_healthy("one")
    before = control.status()["one"].pid
    control.put(program)
    assert control.status()["one"].pid == before
    control.put(program.model_copy(update={"files": (ProgramFile(path="index.html", content="two"),)}))
    control.wait_healthy("one")
    assert control.status()["one"].pid != before


def test_a_change_of_kept_files_is_a_reload(control: Control) -> None:
    """The process stays and gets its signal."""
    code = (
        "import signal, pathlib, time\n"
        "signal.signal(signal.SIGUSR2, lambda *_: pathlib.Path('seen').write_text(pathlib.Path('a').read_text()))\n"
        "pathlib.Path('ready').touch()\n"
        "while True: time.sleep(1)\n"
    )
    program = Program(
        name="one",
        command=(sys.executable, "-c", code),
        files=(ProgramFile(path="a", content="1"),),
        reload_signal=int(signal.SIGUSR2),
        keeps=("a",),
    )
    folder = control.places.programs / "one"
    control.put(program)
    wait_for("the program", (folder / "ready").exists)
    before = control.status()["one"].pid
    control.put(program.model_copy(update={"files": (ProgramFile(path="a", content="2"),)}))
    wait_for("the reload", lambda: (folder / "seen").exists() and (folder / "seen").read_text() == "2")
    assert control.status()["one"].pid == before


def test_a_program_waits_for_those_it_comes_after(control: Control) -> None:
    """The second is not started before the first is healthy."""
    control.put(web("one", free_port(), command=("/bin/sleep", "1000")))
    control.put(web("two", free_port(), after=("one",)))
    wait_for("the first", lambda: control.status()["one"].pid)
    assert control.status()["two"].pid is None


def test_a_program_that_cannot_start_is_said_with_its_reason(control: Control) -> None:
    """Whoever waits for it gets an error that names it."""
    control.put(Program(name="one", command=("/no/such/program",)))
    with pytest.raises(PlatformError, match="one"):
        control.wait_healthy("one")


def test_two_supervisors_of_one_folder_cannot_meet(control: Control) -> None:
    """The second says who holds the folder, and ends."""
    command = (sys.executable, "-m", "hubfleet.platforms.machine.supervisor", str(control.places.data))
    environment = {**os.environ, "PYTHONPATH": str(Path(process.__file__).parents[2])}
    done = process.run(command, env=environment, check=False)
    assert done.status != 0
    assert "another supervisor runs" in done.stderr


def test_the_end_ends_all(control: Control) -> None:
    """No process is left, and the specifications are kept for the next start."""
    control.put(web("one", free_port()))
    control.put(web("two", free_port(), after=("one",)))
    control.wait_healthy("two")
    pids = [status.pid for status in control.status().values()]
    control.end()
    wait_for("the supervisor's end", lambda: not control.runs())
    assert all(pid is not None and ProcessId.of(pid) is None for pid in pids)
    control.ensure()
    control.wait_healthy("two")
