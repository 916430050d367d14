"""Limits of one server by control groups, version 1 (one tree per controller) or 2.

A server's group is named by the agent's label and the server's id, so that leftovers are found without any record.
"""

import logging
import os
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hubfleet.errors import LaunchError

_log = logging.getLogger(__name__)

ROOT = Path("/sys/fs/cgroup")
PERIOD_US = 100_000
GIB = 1024**3
_NEEDED = {"memory.limit_in_bytes", "memory.max", "cpu.cfs_quota_us", "cpu.max", "pids.max"}
"""Limits without which no server starts; the others are as good as the kernel allows."""


@dataclass(frozen=True)
class Limits:
    """What one server may use."""

    memory_gib: float
    memory_guarantee_gib: float
    cpu: float
    cpu_guarantee: float
    processes: int


@dataclass(frozen=True)
class Cgroups:
    """The control groups that the agent may make."""

    label: str
    """Marks the agent's own groups."""
    folders: Mapping[str, Path]
    """Controller (`memory`, `cpu`, `pids`) -> folder in which servers' groups are made; equal for all in version 2."""
    version: int

    @classmethod
    def detect(cls, label: str, root: Path = ROOT) -> "Cgroups":
        """Find what can be used here; makes the agent's own folder."""
        if (root / "cgroup.controllers").exists():
            return cls(label, _detect_v2(root, label), 2)
        return cls(label, _detect_v1(root, label), 1)

    def make(self, server: str, limits: Limits) -> None:
        """Make a server's group and set its limits; what is there already is set again."""
        for controller, folder in self.folders.items():
            group = folder / server
            group.mkdir(parents=True, exist_ok=True)
            for name, value in self._values(controller, limits).items():
                _write(group / name, value, needed=name in _NEEDED)

    def join_files(self, server: str) -> list[Path]:
        """Return the files into which a process writes its id to be in the server's group."""
        return [group / "cgroup.procs" for group in self._groups(server)]

    def processes(self, server: str) -> list[int]:
        """Return the ids of all processes in the server's group."""
        return sorted({pid for group in self._groups(server) for pid in _pids(group)})

    def out_of_memory(self, server: str) -> int:
        """Return how often the kernel ended a process of the server for its memory."""
        if "memory" not in self.folders:
            return 0
        group = self.folders["memory"] / server
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        try:
            lines = dict(line.split() for line in (group / name).read_text().splitlines())
        except (OSError, ValueError):
            return 0
        return int(lines.get("oom_kill", 0))

    def memory_gib(self, server: str) -> float:
        """Return what the server uses now, files in the page cache included; 0 if unknown."""
        if "memory" not in self.folders:
            return 0.0
        name = "memory.current" if self.version == 2 else "memory.usage_in_bytes"
        try:
            return int((self.folders["memory"] / server / name).read_text()) / GIB
        except (OSError, ValueError):
            return 0.0

    def servers(self) -> set[str]:
        """Return the ids of all servers that have a group."""
        return {group.name for folder in set(self.folders.values()) if folder.is_dir() for group in _children(folder)}

    def remove(self, server: str, *, timeout_s: float = 5.0) -> bool:
        """Kill all that is left in the server's group and remove it; blocks. Says whether nothing is left."""
        end = time.monotonic() + timeout_s
        while True:
            for pid in self.processes(server):
                _kill(pid)
            if all(_remove(group) for group in self._groups(server)):
                return True
            if time.monotonic() > end:
                return False
            time.sleep(0.01)

    def close(self) -> None:
        """Remove the agent's own folder if no server is in it."""
        for folder in set(self.folders.values()):
            _remove(folder)

    def _groups(self, server: str) -> Iterator[Path]:
        for folder in dict.fromkeys(self.folders.values()):
            if (folder / server).is_dir():
                yield folder / server

    def _values(self, controller: str, limits: Limits) -> dict[str, str]:
        memory = str(int(limits.memory_gib * GIB))
        quota = int(limits.cpu * PERIOD_US)
        # a guarantee is a share among those who want more than there is: 1024 (v1) and 100 (v2) stand for one core
        shares = max(limits.cpu_guarantee, 0.1)
        if controller == "pids":
            return {"pids.max": str(limits.processes)}
        if self.version == 2:
            if controller == "memory":
                low = str(int(limits.memory_guarantee_gib * GIB))
                return {"memory.max": memory, "memory.swap.max": "0", "memory.low": low, "memory.oom.group": "0"}
            return {"cpu.max": f"{quota} {PERIOD_US}", "cpu.weight": str(min(10_000, max(1, int(shares * 100))))}
        if controller == "memory":
            return {"memory.limit_in_bytes": memory, "memory.memsw.limit_in_bytes": memory}
        return {
            "cpu.cfs_period_us": str(PERIOD_US),
            "cpu.cfs_quota_us": str(quota),
            "cpu.shares": str(max(2, int(shares * 1024))),
        }


def _detect_v1(root: Path, label: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for controller in ("memory", "cpu", "pids"):
        folder = root / controller / label
        if _make(folder):
            found[controller] = folder
    return found


def _detect_v2(root: Path, label: str) -> dict[str, Path]:
    folder = root / label
    try:
        offered = (root / "cgroup.controllers").read_text().split()
    except OSError:
        return {}
    wanted = [name for name in ("memory", "cpu", "pids") if name in offered]
    if not _make(folder):
        return {}
    for name in wanted:
        _write(root / "cgroup.subtree_control", f"+{name}")
        _write(folder / "cgroup.subtree_control", f"+{name}")
    try:
        enabled = (folder / "cgroup.subtree_control").read_text().split()
    except OSError:
        return {}
    return {name: folder for name in wanted if name in enabled}


def _make(folder: Path) -> bool:
    try:
        folder.mkdir(exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _write(path: Path, value: str, *, needed: bool = False) -> None:
    try:
        path.write_text(value)
    except OSError as error:
        if needed:
            raise LaunchError(f"the limit {path.name} cannot be set to {value}: {error.strerror}") from error
        # not every kernel has every file: swap accounting may be off
        _log.debug("cannot set %s to %s: %s", path, value, error)


def _pids(group: Path) -> list[int]:
    try:
        return [int(line) for line in (group / "cgroup.procs").read_text().split()]
    except OSError:
        return []


def _children(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_dir())


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _remove(group: Path) -> bool:
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
