"""The supervisor: keeps the programs of one machine up until it is told to end them.

It is a program of its own, not a part of `hubfleet up`, so that a closed terminal or a killed command ends nothing.
Killed with -9 and started again, it takes its programs over. `python -m hubfleet.platforms.machine.supervisor DATA`.
"""

import contextlib
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from hubfleet._kit import logs
from hubfleet._kit.files import locked, write_atomic, write_if_changed
from hubfleet._kit.process import ProcessId
from hubfleet.errors import HubfleetError, PlatformError
from hubfleet.model.program import Program
from hubfleet.platforms.machine.accounts import Accounts
from hubfleet.platforms.machine.keeper import Keeper, Launch, Status, record
from hubfleet.platforms.machine.launch import MARK, launch_of, prepare
from hubfleet.platforms.machine.places import Places
from hubfleet.platforms.machine.upkeep import only_reload

_log = logging.getLogger(__name__)

MAX_LOG_BYTES = 20 * 1024 * 1024
LOG_CHECK_S = 60.0


class Supervisor:
    """All keepers of one data folder."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._accounts = Accounts(places.data / "uids.json")
        self._keepers: dict[str, Keeper] = {}
        self._lock = threading.RLock()

    def take_over(self) -> None:
        """Keep up what an earlier supervisor kept up; what still runs goes on, what does not is started."""
        _record_running(self._places)
        if not _still_here(self._places):
            return
        for path in sorted(self._places.programs.glob("*/program.json")):
            program = Program.model_validate_json(path.read_text())
            self._keep(program)

    def put(self, program: Program) -> None:
        """Start a program, or start it again with what changed; nothing happens if it runs unchanged."""
        with self._lock:
            old = self._keepers.get(program.name)
            if old is not None and old.program == program and old.status().state != "waiting":
                return
            if old is not None and only_reload(old.program, program):
                prepare(program, self._places, self._accounts)
                old.program = program
                old.reload()
            else:
                self._prepare(program, old)
                if old is not None:
                    old.stop()
                self._keep(program)
            folder = self._places.programs / program.name
            write_atomic(folder / "program.json", program.model_dump_json(indent=1), mode=0o600)

    def restart(self, name: str) -> None:
        """Start a program again."""
        with self._lock:
            program = self._known(name).program
            self._keepers.pop(name).stop()
            self._keep(program)

    def remove(self, name: str) -> None:
        """End a program and forget it; silent if there is none."""
        with self._lock:
            keeper = self._keepers.pop(name, None)
            if keeper is not None:
                keeper.stop()
            (self._places.programs / name / "program.json").unlink(missing_ok=True)

    def status(self) -> list[Status]:
        """Return what each program does."""
        with self._lock:
            return [keeper.status() for _, keeper in sorted(self._keepers.items())]

    def end(self) -> None:
        """End all programs, those that others wait for last, and keep their specifications for the next start."""
        with self._lock:
            for name in _stop_order([keeper.program for keeper in self._keepers.values()]):
                self._keepers.pop(name).stop()

    def let_go(self) -> None:
        """End the keepers only."""
        with self._lock:
            for keeper in self._keepers.values():
                keeper.let_go()

    def trim_logs(self) -> None:
        """Move a program's log aside once it is large: its first half is lost with the next move."""
        for path in self._places.logs.glob("*.log"):
            if path.stat().st_size > MAX_LOG_BYTES:
                path.with_suffix(".log.1").write_bytes(path.read_bytes()[-MAX_LOG_BYTES:])
                os.truncate(path, 0)

    def _prepare(self, program: Program, old: Keeper | None) -> None:
        """Write what a program needs; where that fails, one that runs goes on with what it had."""
        try:
            prepare(program, self._places, self._accounts)
        except HubfleetError:
            if old is not None:
                with contextlib.suppress(HubfleetError):
                    prepare(old.program, self._places, self._accounts)
            raise

    def _keep(self, program: Program) -> None:
        launch: Launch = launch_of(program, self._places, self._accounts)

        def ready() -> bool:
            return all(name not in self._keepers or self._keepers[name].healthy for name in program.after)

        keeper = Keeper(program, launch, healthy_first=ready)
        self._keepers[program.name] = keeper
        keeper.start()

    def _known(self, name: str) -> Keeper:
        if name not in self._keepers:
            raise PlatformError(
                f"no program named {name!r} runs here", hint=f"known: {', '.join(sorted(self._keepers))}"
            )
        return self._keepers[name]


def _stop_order(programs: list[Program]) -> list[str]:
    """Return names so that each program comes before those that it waited for."""
    left = {program.name: program for program in programs}
    order: list[str] = []
    while left:
        waited_for = {name for program in left.values() for name in program.after}
        free = sorted(name for name in left if name not in waited_for) or sorted(left)
        for name in free:
            order.append(name)
            del left[name]
    return order


def _still_here(places: Places) -> bool:
    """Say whether the data folder is where it was; one that was moved or restored gets its programs from an apply."""
    note = places.data / "place"
    moved = note.exists() and note.read_text() != str(places.data)
    if moved:
        for path in places.programs.glob("*/program.json"):
            path.unlink()
    write_if_changed(note, str(places.data), mode=0o600)
    return not moved


def _record_running(places: Places) -> None:
    """Find programs that were started but not recorded, by their mark, when a supervisor died in between."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
            leads = os.getsid(int(entry.name)) == int(entry.name)
        except OSError:
            continue
        mark = next((item for item in variables if item.startswith(f"{MARK}={places.data}/".encode())), None)
        found = ProcessId.of(int(entry.name))
        if mark is None or found is None or not leads:
            continue
        written = places.programs / mark.decode().rpartition("/")[2] / "process.json"
        if written.parent.is_dir():
            record(written, found)


def serve(places: Places) -> None:
    """Keep programs up and answer requests, one JSON line each, until told to end or terminated.

    SIGTERM lets the programs go on (a later supervisor takes them over); the request `end` ends them first.
    """
    supervisor = Supervisor(places)
    supervisor.take_over()
    places.supervisor_socket.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(places.supervisor_socket))
        places.supervisor_socket.chmod(0o600)
        listener.listen(16)
        listener.settimeout(LOG_CHECK_S)
        try:
            _answer_all(listener, supervisor)
        finally:
            places.supervisor_socket.unlink(missing_ok=True)


def _answer_all(listener: socket.socket, supervisor: Supervisor) -> None:
    ended = False
    while not ended:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            supervisor.trim_logs()
            continue
        except _Terminated:
            supervisor.let_go()
            return
        with connection, contextlib.suppress(OSError, ValueError):
            connection.settimeout(120)
            for line in _lines(connection):
                answer, ended = _answer(json.loads(line), supervisor)
                connection.sendall(json.dumps(answer).encode() + b"\n")


def _answer(request: dict[str, object], supervisor: Supervisor) -> tuple[dict[str, object], bool]:
    do, name = request.get("do"), str(request.get("name", ""))
    try:
        if do == "put":
            supervisor.put(Program.model_validate(request["program"]))
        elif do == "restart":
            supervisor.restart(name)
        elif do == "remove":
            supervisor.remove(name)
        elif do == "end":
            supervisor.end()
        elif do != "status":
            raise PlatformError(f"unknown request {do!r}")
    except HubfleetError as error:
        return {"error": error.message, "hint": error.hint}, False
    return {"programs": [asdict(status) for status in supervisor.status()]}, do == "end"


def _lines(connection: socket.socket) -> Iterator[bytes]:
    with connection.makefile("rb") as file:
        line = file.readline()
        if line:
            yield line


class _Terminated(BaseException):
    pass


def _terminate(*_: object) -> None:
    raise _Terminated


def main() -> None:
    """Run the supervisor of the data folder given as the only argument."""
    logs.set_up()
    places = Places(Path(sys.argv[1]))
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with (
        contextlib.suppress(_Terminated),
        locked(
            places.data / "supervisor.lock",
            what="another supervisor runs for this data folder",
            hint="use it with `hubfleet status`, or end it with `hubfleet down`",
        ),
    ):
        serve(places)


if __name__ == "__main__":
    main()
