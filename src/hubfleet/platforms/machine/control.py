"""Speaks to the supervisor of a data folder, and starts one where none runs."""

import json
import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from hubfleet._kit import process
from hubfleet._kit.process import ProcessId
from hubfleet.errors import PlatformError, TemporaryPlatformError
from hubfleet.model.program import Program
from hubfleet.platforms.machine.keeper import Status, recorded
from hubfleet.platforms.machine.upkeep import Upkeep

START_S = 15.0
ANSWER_S = 120.0


class Control(Upkeep):
    """The supervisor of one data folder, as seen from outside."""

    def runs(self) -> bool:
        """Say whether a supervisor answers."""
        try:
            self._ask({"do": "status"})
        except TemporaryPlatformError:
            return False
        return True

    def ensure(self) -> None:
        """Start a supervisor where none answers, in a session of its own.

        Raises:
            PlatformError: it does not come up.
        """
        if self.runs():
            return
        log = self.places.logs / "supervisor.log"
        command = (sys.executable, "-m", "hubfleet.platforms.machine.supervisor", str(self.places.data))
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
        child = process.spawn(command, env=environment, cwd=self.places.data, output=log)
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if self.runs():
                return
            if child.poll() is not None:
                break
            time.sleep(0.05)
        tail = log.read_text(errors="replace").splitlines()[-1:] if log.exists() else []
        raise PlatformError(f"the supervisor did not start: {' '.join(tail)}", hint=f"read {log}")

    def status(self) -> dict[str, Status]:
        """Return what each program does; empty where no supervisor runs."""
        try:
            return self._ask({"do": "status"})
        except TemporaryPlatformError:
            return {}

    def processes(self, programs: Sequence[Program]) -> tuple[ProcessId | None, ...]:
        """Return the processes of programs as written down, supervisor or not; None for what does not run."""
        return tuple(recorded(self.places.programs / program.name / "process.json") for program in programs)

    def put(self, program: Program) -> None:
        """Start a program, or restart or reload it with what changed."""
        self._ask({"do": "put", "program": program.model_dump(mode="json")})

    def restart(self, name: str) -> None:
        """Start a program again."""
        self._ask({"do": "restart", "name": name})

    def remove(self, name: str) -> None:
        """End a program and forget it."""
        self._ask({"do": "remove", "name": name})

    def end(self) -> None:
        """End all programs and the supervisor; silent where none runs."""
        try:
            self._ask({"do": "end"})
        except TemporaryPlatformError:
            return

    def _ask(self, request: dict[str, object]) -> dict[str, Status]:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(ANSWER_S)
                connection.connect(str(self.places.supervisor_socket))
                connection.sendall(json.dumps(request).encode() + b"\n")
                with connection.makefile("rb") as file:
                    answer = json.loads(file.readline())
        except (OSError, ValueError) as error:
            raise TemporaryPlatformError(
                "no supervisor runs for this fleet on this machine",
                hint="start it with `hubfleet up`, or `hubfleet apply` on a machine with systemd",
            ) from error
        if "error" in answer:
            raise PlatformError(str(answer["error"]), hint=str(answer.get("hint", "")))
        return {row["name"]: Status(**row) for row in answer["programs"]}
