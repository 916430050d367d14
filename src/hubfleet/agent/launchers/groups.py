"""What limits servers have, and what every way to set them shares: the kernel's control groups, read the same way.

A server's group is named by the agent's label and the server's id, so that leftovers are found without any record. It
stays until it is removed, also when nothing runs in it any more: it knows whether the kernel ended its server.
"""

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
GIB = 1024**3


@dataclass(frozen=True)
class Limits:
    """What one server may use."""

    memory_gib: float
    memory_guarantee_gib: float
    cpu: float
    cpu_guarantee: float
    processes: int

    @property
    def cpu_share(self) -> float:
        """The share among those who want more processors than there are; 1 stands for one core."""
        return max(self.cpu_guarantee, 0.1)


@dataclass(frozen=True)
class Groups(ABC):
    """The control groups of one agent's servers."""

    label: str
    """Marks the agent's own groups."""
    folders: Mapping[str, Path]
    """Controller (`memory`, `cpu`, `pids`) -> folder in which servers' groups are; equal for all in version 2."""
    version: int

    @property
    @abstractmethod
    def kind(self) -> str:
        """What the groups are, in a few words for operators."""

    @abstractmethod
    def make(self, server: str, limits: Limits) -> None:
        """Make a server's group and set its limits; what is there already is set again. Blocks.

        Raises:
            LaunchError: a limit cannot be set.
        """

    @abstractmethod
    def remove(self, server: str, *, timeout_s: float = 5.0) -> bool:
        """Kill all that is left in the server's group and remove it; blocks. Says whether nothing is left."""

    @abstractmethod
    def close(self) -> None:
        """Remove what the groups lie in, if no server has one."""

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
        group = self.folders["memory"] / self._name(server)
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        try:
            lines = dict(line.split() for line in (group / name).read_text().splitlines())
        except (OSError, ValueError):
            return 0
        return int(lines.get("oom_kill", 0))

    def servers(self) -> set[str]:
        """Return the ids of all servers that have a group."""
        return {
            server
            for folder in self._trees()
            if folder.is_dir()
            for group in folder.iterdir()
            if group.is_dir() and (server := self._server(group.name))
        }

    def _trees(self) -> list[Path]:
        """Return the folders in which servers' groups are looked for."""
        return list(dict.fromkeys(self.folders.values()))

    def _name(self, server: str) -> str:
        """Return the name of a server's group."""
        return server

    def _server(self, name: str) -> str:
        """Return whose group has a name; empty: nobody's."""
        return name

    def _groups(self, server: str) -> Iterator[Path]:
        for folder in self._trees():
            group = folder / self._name(server)
            if group.is_dir():
                yield group

    def _kill(self, server: str) -> None:
        for pid in self.processes(server):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _pids(group: Path) -> list[int]:
    try:
        return [int(line) for line in (group / "cgroup.procs").read_text().split()]
    except OSError:
        return []
