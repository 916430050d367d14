"""What the records say, as plain values that outlive the transaction they were read in."""

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from pydantic import ConfigDict

from hubfleet.model.base import StrictModel
from hubfleet.model.sharing import NOBODY


class BuildEntry(StrictModel):
    """One build: who asked for what, and how far it came."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    person: str
    """JupyterHub's name of the person, or `service/NAME`."""
    repository: str
    ref: str
    packages_until: str
    """As it was asked for: `commit`, `none` or a date."""
    private: bool = False
    """Whether a token came with it; the token itself is never kept."""
    cluster: str
    state: str = "queued"
    """A word of `BuildState`."""
    stop_wanted: bool = False
    """Whether its person wants it to end; carried out as soon as its cluster answers."""
    message: str = ""
    hint: str = ""
    commit: str = ""
    files: tuple[str, ...] = ()
    digest: str = ""
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    """Set exactly if nothing more comes."""
    seq: int = 0
    """Number of the last event that was taken in."""


class BuildChanges(TypedDict, total=False):
    """What may change of a build."""

    state: str
    stop_wanted: bool
    message: str
    hint: str
    commit: str
    files: list[str]
    digest: str
    started: datetime
    ended: datetime
    seq: int


class Reader(StrictModel):
    """Who reads, as far as it decides what they see."""

    person: str
    groups: frozenset[str] = frozenset()
    everything: bool = False
    """Whether they see what others keep to themselves."""


class EnvironmentEntry(StrictModel):
    """One environment of one person."""

    digest: str
    name: str
    owner: str
    shared_with: str = NOBODY
    """Who else sees it: a word of `model.sharing`."""
    lock: str = ""
    """The text of which the digest is the SHA-256; empty in lists."""
    packages_until: str = ""
    made_from: UUID
    """The build that it comes from."""
    created: datetime
    last_used: datetime | None = None


class EnvironmentChanges(TypedDict, total=False):
    """What its owner may change of an environment."""

    name: str
    shared_with: str


class PromotionEntry(StrictModel):
    """That a profile got an environment, or went back to what it had."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    """Grows with each; the newest of a profile is what counts."""
    profile: str
    digest: str
    """Empty: what the hub's file says."""
    name: str = ""
    """What people called the environment when it was promoted first."""
    person: str
    """Who did it: JupyterHub's name, or `service/NAME`."""
    at: datetime
    build: UUID | None = None
    """The build that the environment came from."""
    after: int | None = None
    """The promotion that going back leads to; None: what the hub's file says."""
    back: bool = False
    """Whether this went back."""


class BroughtEntry(StrictModel):
    """Files that somebody brought, without the files."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    person: str
    name: str
    """What people call them."""
    size: int
    """Bytes of the archive."""
    created: datetime
