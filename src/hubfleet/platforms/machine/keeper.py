"""Keeps one program up: a thread that starts it, waits for its end, and starts it again.

The process is recorded by id and start time before anything else happens, so that a supervisor killed with -9 finds it
again instead of starting a second one.
"""

import json
import logging
import os
import select
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from hubfleet._kit import process
from hubfleet._kit.files import write_atomic
from hubfleet._kit.process import ProcessId
from hubfleet.errors import CommandError, StateError
from hubfleet.model.program import Program
from hubfleet.protocol import probe

_log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 10.0
"""A program that ran for so long is started again at once when it ends."""
PROBE_EVERY_S = 0.1

State = Literal["stopped", "starting", "healthy", "waiting"]


@dataclass(frozen=True)
class Launch:
    """How to start a program on this machine."""

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path


@dataclass(frozen=True)
class Status:
    """What a keeper says of its program."""

    name: str
    state: State
    pid: int | None
    since: str
    restarts: int
    detail: str


class Keeper:
    """One program and the thread that keeps it up."""

    def __init__(self, program: Program, launch: Launch, *, healthy_first: Callable[[], bool]) -> None:
        self.program = program
        self._launch = launch
        self._healthy_first = healthy_first
        self._record = launch.folder / "process.json"
        self._stopping = threading.Event()
        self._wake, self._waker = os.pipe()
        self._process = recorded(self._record)
        self._state: State = "stopped"
        self._since = datetime.now(UTC)
        self._restarts = 0
        self._detail = ""
        self._thread = threading.Thread(target=self._keep, name=program.name, daemon=True)

    def start(self) -> None:
        """Begin; a process that an earlier supervisor started is taken over."""
        self._thread.start()

    def stop(self) -> None:
        """End the program and the thread; return when both are gone."""
        self._stopping.set()
        os.write(self._waker, b".")
        if self._thread.is_alive():
            self._thread.join()
        if self._process is not None:
            process.end(self._process, grace_s=self.program.stop_grace_s)
        self._record.unlink(missing_ok=True)
        self._process = None
        self._turn("stopped")

    def let_go(self) -> None:
        """End the thread only; the program goes on."""
        self._stopping.set()
        os.write(self._waker, b".")
        self._thread.join()

    def reload(self) -> None:
        """Send the signal after which the program reads its files again."""
        if self._process is not None:
            process.send(self._process, self.program.reload_signal)

    def status(self) -> Status:
        """Return what is known now."""
        pid = self._process.pid if self._process else None
        since = self._since.isoformat(timespec="seconds")
        return Status(self.program.name, self._state, pid, since, self._restarts, self._detail)

    @property
    def healthy(self) -> bool:
        """Whether it answered its health check since its last start."""
        return self._state == "healthy"

    def _keep(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            if not self._healthy_first():
                self._sleep(PROBE_EVERY_S)
                continue
            began = datetime.now(UTC)
            if self._process is None or not self._process.alive():
                self._start_process()
            self._until_end()
            if self._stopping.is_set():
                return
            self._restarts += 1
            steady = (datetime.now(UTC) - began).total_seconds() >= STEADY_S
            pause = FIRST_PAUSE_S if steady else min(pause * 2, LONGEST_PAUSE_S)
            self._turn("waiting", f"ended, starts again in {pause:g} s; see its log")
            _log.warning("%s ended; it starts again in %g s", self.program.name, pause)
            self._sleep(pause)

    def _start_process(self) -> None:
        self._turn("starting")
        try:
            child = process.spawn(
                self._launch.command,
                env=self._launch.environment,
                cwd=self._launch.folder,
                output=self._launch.log,
                umask=0o027,
            )
        except CommandError as error:
            self._process = None
            self._detail = str(error)
            _log.error("%s: %s", self.program.name, error)
            return
        self._process = ProcessId.of(child.pid)
        if self._process is not None:
            self._write_down(self._process)

    def _write_down(self, found: ProcessId) -> None:
        try:
            record(self._record, found)
        except StateError as error:
            # the next supervisor finds it by its mark
            _log.error("%s: %s", self.program.name, error)

    def _until_end(self) -> None:
        """Wait until the process ends or we are to stop; turn healthy on the way."""
        if self._process is None:
            return
        try:
            handle = os.pidfd_open(self._process.pid)
        except ProcessLookupError:
            return
        end = datetime.now(UTC).timestamp() + (self.program.health.timeout_s if self.program.health else 0)
        try:
            while not self._stopping.is_set() and self._process.alive():
                self._look(end)
                wait = None if self.healthy else PROBE_EVERY_S * 1000
                self._poll(handle, wait)
        finally:
            os.close(handle)
            self._reap()

    def _look(self, end: float) -> None:
        if self.healthy:
            return
        check = self.program.health
        status = probe.get(check.url, host=check.host) if check else 200
        if status is not None and status < 500:
            self._turn("healthy")
        elif datetime.now(UTC).timestamp() > end:
            self._detail = f"does not answer for {check.timeout_s:g} s" if check else ""

    def _poll(self, handle: int, wait_ms: float | None) -> None:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        poll.poll(wait_ms)

    def _reap(self) -> None:
        """Collect a child that has ended; one that an earlier supervisor started is not ours to collect."""
        if self._process is None or self._process.alive():
            return
        try:
            _, status = os.waitpid(self._process.pid, os.WNOHANG)
        except ChildProcessError:
            return
        code = os.waitstatus_to_exitcode(status)
        name = signal.Signals(-code).name if code < 0 else str(code)
        self._detail = f"ended with {name}"
        _log.warning("%s ended with %s", self.program.name, name)

    def _sleep(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def _turn(self, state: State, detail: str = "") -> None:
        if state != self._state:
            self._since = datetime.now(UTC)
        self._state, self._detail = state, detail


def record(path: Path, found: ProcessId) -> None:
    """Write a process down, with the boot that its start time counts from."""
    row = {"pid": found.pid, "start_ticks": found.start_ticks, "boot": process.boot_id()}
    write_atomic(path, json.dumps(row), mode=0o600)


def recorded(path: Path) -> ProcessId | None:
    """Return the process that is written down in a file, if it still runs."""
    try:
        row = json.loads(path.read_text())
        found = ProcessId(int(row["pid"]), int(row["start_ticks"]))
        this_boot = row["boot"] == process.boot_id()
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return found if this_boot and found.alive() else None
