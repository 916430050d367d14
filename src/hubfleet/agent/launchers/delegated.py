"""Where groups of version 2 can be made: at the top of the tree, or in the agent's own group if it may write there.

What a container or an ordinary user has is a group like any other. Such a group may hand controllers on only when no
process is in it (https://docs.kernel.org/admin-guide/cgroup-v2.html#no-internal-process-constraint). So whatever runs
there, the agent and those who started it, moves into one below, beside the servers'.
"""

import errno
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)

CONTROLLERS = ("memory", "cpu", "pids")
ASIDE = "hubfleet-programs"
"""Holds what ran in the group before; the same for all agents, so that one that is started there finds its way up."""
_ATTEMPTS = 10
"""How often what runs there is moved: it may start others meanwhile."""


def _write(path: Path, value: str) -> None:
    path.write_text(value)


@dataclass(frozen=True)
class Tree:
    """The control groups of version 2 as this process sees them."""

    root: Path
    """Where they are mounted."""
    own: Path
    """The group that this process is in."""
    write: Callable[[Path, str], None] = _write
    """Writes one of the kernel's files."""

    @classmethod
    def here(cls, root: Path, listed: Path = Path("/proc/self/cgroup")) -> "Tree":
        """Look where this process is."""
        lines = listed.read_text().splitlines()
        path = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "/")
        return cls(root, root / path.lstrip("/"))

    def find(self, label: str) -> dict[str, Path]:
        """Make the folder for an agent's servers and return it for each controller that it has; empty: none can be."""
        for place in self._places():
            folder = place / label
            try:
                folder.mkdir(exist_ok=True)
                offered = (place / "cgroup.controllers").read_text().split()
            except OSError as error:
                _log.debug("no control groups can be made in %s: %s", place, error)
                continue
            wanted = [name for name in CONTROLLERS if name in offered]
            if self._is_top(place) or self._move_aside(place):
                self._hand_on(place, wanted)
                self._hand_on(folder, wanted)
            enabled = [name for name in wanted if name in _words(folder / "cgroup.subtree_control")]
            if enabled and os.access(folder, os.W_OK):
                return dict.fromkeys(enabled, folder)
            with suppress(OSError):
                folder.rmdir()
        return {}

    def _places(self) -> Iterator[Path]:
        if self._is_top(self.root):
            yield self.root
        # agents that were moved aside look above; what lies outside a container's own tree begins with ..
        own = self.own.parent if self.own.name == ASIDE else self.own
        if ".." not in own.parts and not self._is_top(own):
            yield own

    def _is_top(self, group: Path) -> bool:
        """Say whether it is the true top, which may hand controllers on whatever runs in it; only that has no type."""
        return group == self.root and not (group / "cgroup.type").exists()

    def _hand_on(self, group: Path, wanted: Sequence[str]) -> None:
        """Have the groups below get these controllers, as far as the kernel allows."""
        for name in wanted:
            for _ in range(_ATTEMPTS):
                try:
                    self.write(group / "cgroup.subtree_control", f"+{name}")
                except OSError as error:
                    _log.debug("%s does not hand on %s: %s", group, name, error)
                    # something was started there since
                    if error.errno == errno.EBUSY and self._move_aside(group):
                        continue
                break

    def _move_aside(self, group: Path) -> bool:
        """Move what runs in a group into one below; says whether that may be.

        First of all: `cpu` and `pids` are handed on also where something runs, and then no server may run below
        (https://docs.kernel.org/admin-guide/cgroup-v2.html#threads).
        """
        aside = group / ASIDE
        try:
            for _ in range(_ATTEMPTS):
                running = _words(group / "cgroup.procs")
                # 0 is a process that cannot be seen from here; written, it would mean this one
                if not running or "0" in running:
                    return not running
                aside.mkdir(exist_ok=True)
                for pid in running:
                    with suppress(ProcessLookupError):
                        self.write(aside / "cgroup.procs", pid)
        except OSError as error:
            _log.debug("what runs in %s cannot be moved: %s", group, error)
        return False


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
