"""What portal and agent say to each other of builds (agent API v1): a repository in, an environment's digest out.

A token for a private repository travels in `BuildRequest` only, which is never logged, kept nor listed.
"""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import SecretStr

from hubfleet.model.base import Message
from hubfleet.model.content import Content
from hubfleet.model.features import CondaFrom


class BuildState(StrEnum):
    """How far a build is."""

    QUEUED = "queued"
    FETCHING = "fetching"
    """git asks for the commit, and fetches what is not there."""
    RESOLVING = "resolving"
    """Versions are chosen for what the repository names."""
    REALISING = "realising"
    """Packages are installed."""
    READY = "ready"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def over(self) -> bool:
        """Whether nothing more comes."""
        return self in {BuildState.READY, BuildState.FAILED, BuildState.STOPPED}


AS_OF_COMMIT = "commit"
ANY_DATE = "none"


class BuildRequest(Message):
    """`PUT /v1/builds/{id}`: make an environment of a repository. The same id again is the same build."""

    hub: str
    """The hub's name; must be the caller's own."""
    repository: str
    """Address of a git repository."""
    ref: str = "HEAD"
    """Branch, tag or commit."""
    packages_until: str = AS_OF_COMMIT
    """Only packages that were there on this date (`2026-11-21`); `commit`: when the specification was last changed;
    `none`: the newest."""
    conda: CondaFrom = "channels-or-pypi"
    """Where the conda packages of an environment.yml are from; `channels-or-pypi`: PyPI only while the channels cannot
    be reached."""
    only: Literal["", "lock"] = ""
    """`lock`: it ends when versions are chosen, and nothing is made; empty: it ends with an environment."""
    token: SecretStr = SecretStr("")
    """For a private repository; empty: none is needed."""


class Build(Message):
    """One build as its agent sees it."""

    id: str
    hub: str
    repository: str
    ref: str
    state: BuildState
    message: str = ""
    """For whoever asked: the step that it is at, or what went wrong, in plain words."""
    hint: str = ""
    """What to do next."""
    commit: str = ""
    """Full hash, once it is known."""
    files: list[str] = []
    """Paths in the repository of what the environment follows from, once they are known."""
    packages_until: str = ""
    """The date (ISO 8601, UTC) up to which packages counted; empty: there was none."""
    digest: str = ""
    """The environment's name, once versions are chosen."""
    content: Content | None = None
    """The repository's files at the commit, once the agent has them; None: it could not get them."""
    lock: str = ""
    """Canonical text of which the digest is the SHA-256; only in the answer to `GET /v1/builds/{id}`."""
    seq: int = 0
    """Number of its last event."""


class BuildEvent(Message):
    """One step of a build, or a line that a tool said in it; numbered from 1 in each build."""

    seq: int
    at: datetime
    state: BuildState
    message: str = ""
