"""The contract of a launcher: a way to start servers, such as processes in a sandbox, pods, or batch jobs.

`hubfleet.testing.launchers.LauncherContract` holds each implementation to it.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from hubfleet.protocol.messages import Ability, Capacity, ServerRequest, StopReason


@dataclass(frozen=True)
class LaunchRequest:
    """All that a launcher needs to start one server: the hub's request and what the agent added to it."""

    server: str
    """The server's id, which everything made on the cluster carries."""
    request: ServerRequest
    uid: int
    """The host's user id for this person of this hub."""
    home: Path
    """The person's home on the cluster; exists and belongs to `uid`."""
    prefix: Path
    """The base software, which the server itself runs from; read-only."""
    folders: Mapping[str, Path] = field(default_factory=dict)
    """Shared folders: name -> path on the cluster."""
    groups: Mapping[str, int] = field(default_factory=dict)
    """Host group ids of the shared folders, where people have user ids of their own: name -> id."""
    hub_url: str = ""
    """Where the server finds its hub: scheme, address and port (it differs from one cluster to the other)."""
    environment: Path | None = None
    """The realised environment that kernels and terminals run from, read-only; None: the base software too."""
    environment_seen_at: Path | None = None
    """Where it is seen inside, if not at its own path."""
    layer: Path | None = None
    """Debian packages of the environment, seen over the machine's own; None: it has none."""
    content: Path | None = None
    """A repository's files, read-only, of which the home gets a copy; None: there are none."""
    start_script: str = ""
    """Path in these files of the repository's `start`, which runs around the server; empty: there is none."""

    @property
    def software(self) -> Path:
        """Where kernels and terminals find their software inside."""
        return self.environment_seen_at or self.environment or self.prefix


@dataclass(frozen=True)
class LauncherState:
    """What one step of a start left behind, in words that only its launcher understands; kept in the agent's store."""

    server: str
    step: str
    """The step's name, shown as progress."""
    progress: int
    """0-100."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What `stop` and `check` need to find it again: ids, names, addresses. What earlier steps left is repeated."""
    url: str = ""
    """How hub and proxy reach the server, once that is known."""


@dataclass(frozen=True)
class Health:
    """What a launcher sees of one server."""

    state: Literal["running", "gone", "unknown"]
    """`unknown` changes nothing."""
    reason: StopReason | None = None
    message: str = ""
    hint: str = ""
    notice: str = ""
    """Something that happened inside a server that still runs, for its person (a kernel that ran out of memory)."""
    seen_at: datetime | None = None


class Launcher(ABC):
    """Starts servers in one way. One instance per agent; methods of different servers run at the same time."""

    name: str

    @abstractmethod
    def start(self, request: LaunchRequest) -> AsyncIterator[LauncherState]:
        """Start a server, yielding the state after every step that leaves something behind.

        Each yielded state is saved before the next step runs; if a step fails, `stop` gets the last one. The last state
        carries the `url`; the server need not answer yet.

        Raises:
            TemporaryLaunchError: the cluster is full or cannot be reached just now.
            LaunchError: it will never work.
        """

    @abstractmethod
    async def check(self, states: Sequence[LauncherState]) -> Mapping[str, Health]:
        """Ask the cluster once for all of these servers; called every few seconds.

        A failing or garbled answer of the cluster must not make a server `gone`: leave it out, or say `unknown`.

        Raises:
            TemporaryLaunchError: the cluster cannot be asked; nothing changes.
        """

    @abstractmethod
    async def stop(self, state: LauncherState, *, grace_s: float = 10.0) -> None:
        """End a server and remove all that its start left behind; silent if that is gone already.

        Raises:
            TemporaryLaunchError: it cannot be done just now; it is tried again.
        """

    @abstractmethod
    async def adopt(self) -> Sequence[LauncherState]:
        """Find what carries our label on the cluster, recorded or not; called once at the agent's start."""

    @abstractmethod
    async def logs(self, state: LauncherState, *, lines: int = 200) -> str:
        """Return the last lines that a server wrote; empty if there are none."""

    async def forget(self, server: str) -> None:  # noqa: B027 - most keep nothing
        """Remove what is kept of a stopped server, such as its log; silent if there is nothing."""

    def remember(self, states: Sequence[LauncherState]) -> None:  # noqa: B027 - most need not
        """Learn of servers that run since before the agent's start; called once, before any `start`."""

    async def close(self) -> None:  # noqa: B027 - most need not
        """Remove what all servers share, if none is left; called when the agent is told to end."""

    @abstractmethod
    async def abilities(self) -> Sequence[Ability]:
        """Say what this launcher can do on this cluster; asked once at the agent's start.

        Raises:
            LaunchError: it can start nothing here, with the way out as hint.
        """


class HasCapacity(ABC):
    """A launcher that knows what its cluster has."""

    @abstractmethod
    async def capacity(self) -> Capacity:
        """Return what there is and what is in use; may take a second."""
