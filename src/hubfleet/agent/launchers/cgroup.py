"""Limits of one server by control groups that we make, version 1 (one tree per controller) or 2."""

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

from hubfleet.agent.launchers.delegated import Tree
from hubfleet.agent.launchers.groups import GIB, ROOT, Groups, Limits
from hubfleet.errors import LaunchError

_log = logging.getLogger(__name__)

PERIOD_US = 100_000
_NEEDED = {"memory.limit_in_bytes", "memory.max", "cpu.cfs_quota_us", "cpu.max", "pids.max"}
"""Limits without which no server starts; the others are as good as the kernel allows."""


@dataclass(frozen=True)
class Cgroups(Groups):
    """The control groups that the agent makes itself."""

    @classmethod
    def detect(cls, label: str, root: Path = ROOT) -> "Cgroups":
        """Find what can be used here; makes the agent's own folder, and may move the agent to beside it."""
        if (root / "cgroup.controllers").exists():
            return cls(label, Tree.here(root).find(label), 2)
        return cls(label, _detect_v1(root, label), 1)

    @property
    def kind(self) -> str:
        """Say which version they are."""
        return f"control groups, version {self.version}"

    def make(self, server: str, limits: Limits) -> None:
        """Make a server's group and set its limits; what is there already is set again."""
        for controller, folder in self.folders.items():
            group = folder / server
            group.mkdir(parents=True, exist_ok=True)
            for name, value in self._values(controller, limits).items():
                _write(group / name, value, needed=name in _NEEDED)

    def remove(self, server: str, *, timeout_s: float = 5.0) -> bool:
        """Kill all that is left in the server's group and remove it; blocks. Says whether nothing is left."""
        end = time.monotonic() + timeout_s
        while True:
            self._kill(server)
            if all(_remove(group) for group in self._groups(server)):
                return True
            if time.monotonic() > end:
                return False
            time.sleep(0.01)

    def close(self) -> None:
        """Remove the agent's own folder if no server is in it."""
        for folder in set(self.folders.values()):
            _remove(folder)

    def _values(self, controller: str, limits: Limits) -> dict[str, str]:
        memory = str(int(limits.memory_gib * GIB))
        quota = int(limits.cpu * PERIOD_US)
        # 1024 (version 1) and 100 (version 2) stand for one core
        shares = limits.cpu_share
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


def _remove(group: Path) -> bool:
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
