"""Limits of one server by a transient scope of systemd, where systemd runs the machine and owns its control groups.

systemd is the only one who may write at the top of the tree (https://systemd.io/CGROUP_DELEGATION), so it makes the
group. `Delegate=yes` leaves what is in it to us: processes may join, and systemd ends no server because the kernel
ended one process of it for its memory (`OOMPolicy=`). A scope is in no unit: its processes outlive the agent's.

systemd drops a scope in which nothing runs, and with it the kernel's count of what it ended. A process that sleeps
keeps the scope until it is removed.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hubfleet._kit import process
from hubfleet._kit.process import Finished
from hubfleet.agent.launchers.groups import GIB, ROOT, Groups, Limits
from hubfleet.errors import LaunchError

_CONTROLLERS = ("memory", "cpu", "pids")
_OWN_TREES = ("systemd", "unified")
"""Where systemd keeps track of processes with version 1: it has no controllers there."""
_KEEPER = "sleep infinity </dev/null >/dev/null 2>&1 &"
_STOP_S = 10
"""How long a server has to end by itself when the machine goes down."""
_CALL_S = 30.0

Call = Callable[[Sequence[str]], Finished]


def _run(command: Sequence[str]) -> Finished:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    return process.run(command, env=environment, cwd=Path("/"), timeout_s=_CALL_S, check=False)


@dataclass(frozen=True)
class Scopes(Groups):
    """The scopes of one agent's servers, in a slice of their own."""

    own: tuple[Path, ...] = ()
    """Folders of systemd's own trees (version 1) in which servers' scopes are."""
    call: Call = _run
    """Runs systemd-run and systemctl."""

    @classmethod
    def detect(cls, label: str, root: Path = ROOT, call: Call = _run) -> "Scopes":
        """Find which limits systemd can set here; nothing is made."""
        place = slice_name(label)
        if (root / "cgroup.controllers").exists():
            offered = (root / "cgroup.controllers").read_text().split()
            return cls(
                label, {name: root / place for name in _CONTROLLERS if name in offered}, 2, (root / place,), call
            )
        usable = [name for name in _CONTROLLERS if os.access(root / name, os.W_OK)]
        own = tuple(root / name / place for name in _OWN_TREES if (root / name).is_dir())
        return cls(label, {name: root / name / place for name in usable}, 1, own, call)

    @property
    def kind(self) -> str:
        """Say that they are systemd's."""
        return f"scopes of systemd, control groups version {self.version}"

    def make(self, server: str, limits: Limits) -> None:
        """Have systemd make a server's scope, or set the limits of the one that is there."""
        properties = list(_properties(limits))
        if any(self._groups(server)):
            command = ["systemctl", "set-property", "--runtime", self._name(server), *properties]
        else:
            command = [
                *("systemd-run", "--scope", "--quiet", "--collect", "--no-ask-password"),
                *(f"--unit={self._name(server)}", f"--slice={slice_name(self.label)}"),
                "--description=hubfleet: a person's server",
                *(f"--property={value}" for value in (*properties, "Delegate=yes", f"TimeoutStopSec={_STOP_S}")),
                *("--", "/bin/sh", "-c", _KEEPER),
            ]
        done = self.call(command)
        if done.status:
            said = done.stderr.strip().splitlines()
            raise LaunchError(
                f"systemd gives the server no limits: {said[-1] if said else f'status {done.status}'}",
                hint=f"see: systemctl status '{self.label}-*.scope'",
            )

    def remove(self, server: str, *, timeout_s: float = 5.0) -> bool:
        """Kill all that is left in the server's scope, and have systemd drop it; blocks."""
        end = time.monotonic() + timeout_s
        while any(self._groups(server)):
            self._kill(server)
            # with version 1 nobody may tell systemd that a scope is empty
            self.call(["systemctl", "stop", self._name(server)])
            if time.monotonic() > end:
                return not any(self._groups(server))
        return True

    def close(self) -> None:
        """Have systemd drop the slice, if no server has a scope in it."""
        if not self.servers() and any(folder.is_dir() for folder in self._trees()):
            self.call(["systemctl", "stop", slice_name(self.label)])

    def _trees(self) -> list[Path]:
        return list(dict.fromkeys((*self.own, *self.folders.values())))

    def _name(self, server: str) -> str:
        return f"{self.label}-{server}.scope"

    def _server(self, name: str) -> str:
        ours = name.startswith(f"{self.label}-") and name.endswith(".scope")
        return name.removeprefix(f"{self.label}-").removesuffix(".scope") if ours else ""


def slice_name(label: str) -> str:
    """Return the name of an agent's slice; a dash would put it into another one."""
    return f"{label.replace('-', '_')}.slice"


def _properties(limits: Limits) -> Iterator[str]:
    """Yield the limits as systemd.resource-control(5) names them."""
    yield f"MemoryMax={int(limits.memory_gib * GIB)}"
    yield "MemorySwapMax=0"
    yield f"MemoryLow={int(limits.memory_guarantee_gib * GIB)}"
    yield f"CPUQuota={max(1, round(limits.cpu * 100))}%"
    yield f"CPUWeight={min(10_000, max(1, round(limits.cpu_share * 100)))}"
    # one more for the process that keeps the scope
    yield f"TasksMax={limits.processes + 1}"
