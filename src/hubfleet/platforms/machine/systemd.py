"""Keeps programs up by systemd, for an installation that lasts: started at boot, without any program of ours.

systemd has one unit for each program and a target for the fleet. Only root writes units for the whole machine.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hubfleet._kit import process
from hubfleet._kit.files import write_atomic, write_if_changed
from hubfleet._kit.process import Finished, ProcessId
from hubfleet.errors import PlatformError
from hubfleet.model.program import Program
from hubfleet.platforms.machine.accounts import Accounts
from hubfleet.platforms.machine.keeper import State, Status
from hubfleet.platforms.machine.launch import prepare, setting_of
from hubfleet.platforms.machine.places import Places
from hubfleet.platforms.machine.units import DATA_KEY, render, render_target, target_name, unit_name
from hubfleet.platforms.machine.upkeep import Upkeep, only_reload

UNITS = Path("/etc/systemd/system")
MARK = Path("/run/systemd/system")
"""There where systemd is the machine's init (sd_booted(3))."""
CALL_S = 180.0
_SHOWN = "Id,ActiveState,SubState,MainPID,NRestarts,StateChangeTimestamp,Result"

Call = Callable[[Sequence[str]], Finished]


def possible() -> bool:
    """Say whether we can have units here."""
    return MARK.exists() and os.geteuid() == 0


def systemctl(arguments: Sequence[str]) -> Finished:
    """Run systemctl; whoever calls looks at the status."""
    environment = {**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0"}
    return process.run(["systemctl", "--no-pager", *arguments], env=environment, timeout_s=CALL_S, check=False)


class Systemd(Upkeep):
    """The units of one fleet."""

    lasting = True

    def __init__(self, places: Places, fleet: str, *, units: Path = UNITS, call: Call = systemctl) -> None:
        """Make it; nothing is touched yet.

        Args:
            places: of the data folder.
            fleet: its name is in the units' names.
            units: where units are written.
            call: runs systemctl with arguments.
        """
        super().__init__(places)
        self._fleet = fleet
        self._units = units
        self._call = call

    def installed(self) -> bool:
        """Say whether this data folder has units."""
        path = self._units / target_name(self._fleet)
        return path.exists() and self._is_ours(path)

    def runs(self) -> bool:
        """Say whether any unit is up."""
        return self.installed() and bool(self.status())

    def ensure(self) -> None:
        """Write the target and have it started at boot, with all units that are there.

        Raises:
            PlatformError: another data folder has units of this name.
        """
        path = self._units / target_name(self._fleet)
        if path.exists() and not self._is_ours(path):
            raise PlatformError(
                f"another installation has the units of a fleet {self._fleet!r} on this machine",
                hint=f"end it (`hubfleet down`) and remove {path}, or give this fleet another name",
            )
        if write_if_changed(path, render_target(self._fleet, self.places.data)):
            self._do("daemon-reload")
        self._do("enable", "--quiet", path.name)
        self._do("start", "--no-block", path.name)

    def status(self) -> Mapping[str, Status]:
        """Return what each unit does, but for those that are down."""
        names = self._names()
        if not names or not self.installed():
            return {}
        units = [unit_name(self._fleet, name) for name in names]
        shown = self._do("show", f"--property={_SHOWN}", "--timestamp=unix", *units).stdout
        found: dict[str, Status] = {}
        for block in shown.strip().split("\n\n"):
            values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            name = values.get("Id", "").removeprefix(f"hubfleet-{self._fleet}-").removesuffix(".service")
            state = _STATES.get(values.get("ActiveState", ""))
            if state == "starting" and values.get("SubState") == "auto-restart":
                state = "waiting"
            if state is not None and name in names:
                found[name] = _status(name, state, values)
        return found

    def processes(self, programs: Sequence[Program]) -> tuple[ProcessId | None, ...]:
        """Return the main processes of programs' units."""
        status = self.status()
        pids = [status[program.name].pid if program.name in status else None for program in programs]
        return tuple(ProcessId.of(pid) if pid else None for pid in pids)

    def put(self, program: Program) -> None:
        """Write a program's files and unit; start, restart or reload it where that changes something."""
        accounts = Accounts(self.places.data / "uids.json")
        old, status = self._known(program.name), self.status().get(program.name)
        prepare(program, self.places, accounts)
        unit = unit_name(self._fleet, program.name)
        text = render(program, setting_of(program, self.places, accounts, fleet=self._fleet))
        rewritten = write_if_changed(self._units / unit, text)
        if rewritten:
            self._do("daemon-reload")
        self._do("enable", "--quiet", unit)
        if status is None or status.state == "waiting" or old is None or rewritten:
            self._do("restart", "--no-block", unit)
        elif old != program:
            self._do("reload" if only_reload(old, program) else "restart", "--no-block", unit)
        write_atomic(self._record(program.name), program.model_dump_json(indent=1), mode=0o600)

    def restart(self, name: str) -> None:
        """Start a program again."""
        self._do("restart", "--no-block", unit_name(self._fleet, name))

    def remove(self, name: str) -> None:
        """End a program, and remove its unit."""
        unit = unit_name(self._fleet, name)
        if (self._units / unit).exists():
            self._do("disable", "--now", "--quiet", unit)
            (self._units / unit).unlink()
            self._do("daemon-reload")
        self._record(name).unlink(missing_ok=True)

    def end(self) -> None:
        """Stop all units and remove them; what they were made from stays, and the next apply writes them again."""
        if not self.installed():
            return
        target = target_name(self._fleet)
        units = [unit for name in self._names() if (self._units / (unit := unit_name(self._fleet, name))).exists()]
        self._do("stop", target, *units)
        self._do("disable", "--quiet", target, *units)
        for name in (target, *units):
            (self._units / name).unlink(missing_ok=True)
        self._do("daemon-reload")

    def _do(self, *arguments: str) -> Finished:
        done = self._call(arguments)
        if done.status:
            words = done.stderr.strip().splitlines()
            raise PlatformError(
                f"systemd refuses to {arguments[0]}: {words[0] if words else f'status {done.status}'}",
                hint=f"see: systemctl status '{target_name(self._fleet).removesuffix('.target')}*'",
            )
        return done

    def _names(self) -> list[str]:
        return sorted(path.parent.name for path in self.places.programs.glob("*/program.json"))

    def _record(self, name: str) -> Path:
        return self.places.programs / name / "program.json"

    def _known(self, name: str) -> Program | None:
        path = self._record(name)
        return Program.model_validate_json(path.read_text()) if path.exists() else None

    def _is_ours(self, path: Path) -> bool:
        return f"{DATA_KEY}={self.places.data}" in path.read_text().splitlines()


_STATES: Mapping[str, State] = {
    "active": "healthy",
    "reloading": "healthy",
    "activating": "starting",
    "deactivating": "waiting",
    "failed": "waiting",
}
"""A unit is active once `ExecStartPost` has seen it answer."""


def _status(name: str, state: State, values: Mapping[str, str]) -> Status:
    result = values.get("Result", "success")
    return Status(
        name=name,
        state=state,
        pid=int(values.get("MainPID", "0")) or None,
        since=values.get("StateChangeTimestamp", ""),
        restarts=int(values.get("NRestarts", "0")),
        detail="" if result == "success" else f"ended with {result}",
    )
