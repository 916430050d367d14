"""What runs: one long-running process that a platform keeps up.

A platform (our supervisor, systemd, the chart) gets a list of these from a pure function, so that all of them agree.
"""

from typing import Annotated, Literal

from pydantic import Field

from hubfleet.model.base import StrictModel

PlaceName = Literal["data", "run", "software"]


class ProgramFile(StrictModel):
    """A file that a program reads, written before it starts."""

    path: str
    """Path below the program's own folder."""
    content: str
    """The whole content; never a secret. What only the platform knows stands as `@{public-key NAME}` (a caller's public
    key) or `@{group NAME}` (the number of a group) and is filled in when the file is written."""
    encoding: Literal["text", "base64"] = "text"
    """How the content is written here; base64 for what is no text, such as a logo."""
    mode: Annotated[int, Field(ge=0, le=0o777)] = 0o640
    """Permission bits; the file belongs to root and the program's group, or to the one user there is."""


class HealthCheck(StrictModel):
    """How to see that a program works: an HTTP GET that answers below 500."""

    url: str
    """`http://127.0.0.1:PORT/path`, or `unix:SOCKET-PATH:/path` for a unix socket."""
    host: str = ""
    """The Host header to send, where it matters."""
    timeout_s: float = 60.0
    """How long a start may take; a hub with 1,000 servers needs 14 s on two slow cores."""


class Program(StrictModel):
    """One long-running process."""

    name: str
    """Unique on its machine, such as `hub-ocean`."""
    command: tuple[str, ...]
    """Program and arguments; never a secret, since anybody on the machine can read them."""
    environment: dict[str, str] = {}
    """Variables; never a secret: programs read theirs from files."""
    files: tuple[ProgramFile, ...] = ()
    user: str = ""
    """System user to run as where the platform is root; empty: root itself."""
    low_ports: bool = False
    """Whether it may listen on ports below 1024 without being root (CAP_NET_BIND_SERVICE)."""
    groups: tuple[str, ...] = ()
    """Further groups where the platform is root, such as `agent-west` for those who may connect to that agent."""
    after: tuple[str, ...] = ()
    """Names of programs that must be healthy first."""
    reads: tuple[str, ...] = ()
    """Folders of the machine's data that its user may read and nobody else's, such as a hub's secrets."""
    writes: tuple[str, ...] = ()
    """Folders of the machine's data that this program may write, made and given to its user before it starts."""
    health: HealthCheck | None = None
    stop_grace_s: float = 10.0
    """How long it may take to end after SIGTERM before it is killed."""
    reload_signal: int = 0
    """The signal after which it reads its files again; 0: it must be restarted."""
    keeps: tuple[str, ...] = ()
    """File names whose change needs a reload only, not a restart (with `reload_signal`)."""
