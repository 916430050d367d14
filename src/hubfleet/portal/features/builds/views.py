"""What the API takes and answers about builds and environments."""

import re
from datetime import date, datetime
from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, SecretStr

from hubfleet.model.addresses import canonical
from hubfleet.model.base import Message, StrictModel
from hubfleet.model.sharing import EVERYBODY, NOBODY, group_of
from hubfleet.protocol.builds import ANY_DATE, AS_OF_COMMIT, BuildState

_REF = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\-][^\x00-\x20\x7f~^:?*\[\\]*")
_JOINERS = "\u200c\u200d"
NAME_MAX = 100
_UNFIT = re.compile(r"[\x00-\x20\x7f]")


def _repository(value: str) -> str:
    value = canonical(value)
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError("this is no web address") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or _UNFIT.search(value):
        raise ValueError("give the repository's address, such as https://github.com/binder-examples/requirements")
    if parts.username is not None or parts.password is not None:
        raise ValueError("leave name and password out of the address; a token has a field of its own")
    if parts.query or parts.fragment:
        raise ValueError("give the repository's own address, without what follows '?' or '#'")
    return value


def _ref(value: str) -> str:
    if not _REF.fullmatch(value):
        raise ValueError("give the name of a branch or tag, or a commit")
    return value


def _packages_until(value: str) -> str:
    if value in {AS_OF_COMMIT, ANY_DATE}:
        return value
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise ValueError(f"give '{AS_OF_COMMIT}', '{ANY_DATE}' or a date such as 2026-01-31") from None


class NewBuild(StrictModel):
    """A build to begin."""

    repository: Annotated[str, Field(max_length=2000), AfterValidator(_repository)]
    """Address of a git repository, with http or https; or a data set's DOI or page."""
    ref: Annotated[str, Field(max_length=250), AfterValidator(_ref)] = "HEAD"
    """Branch, tag or commit; or a data set's version."""
    cluster: str = ""
    """Where it is built first; empty: on the hub's first cluster."""
    packages_until: Annotated[str, Field(max_length=40), AfterValidator(_packages_until)] = AS_OF_COMMIT
    """Only packages that were there on this date; `commit`: when the specification was last changed; `none`: the
    newest."""
    token: SecretStr = Field(default=SecretStr(""), max_length=1000)
    """For a private repository; handed to the cluster, and kept nowhere."""


def _name(value: str) -> str:
    """Return a name that cannot pass for another: no signs that show nothing, but those that Persian words need."""
    stripped = value.strip()
    if not stripped:
        raise ValueError("give it a name")
    if not all(sign.isprintable() or sign in _JOINERS for sign in stripped):
        raise ValueError("leave out signs that cannot be seen")
    return stripped


def _shared_with(value: str) -> str:
    if value not in {NOBODY, EVERYBODY} and not group_of(value):
        raise ValueError(f"give '{NOBODY}', '{EVERYBODY}' or 'group:NAME'")
    return value


class EnvironmentChange(StrictModel):
    """What its owner changes of an environment; what is left out stays."""

    name: Annotated[str, Field(max_length=NAME_MAX), AfterValidator(_name)] | None = None
    """What people call it."""
    shared_with: Annotated[str, Field(max_length=270), AfterValidator(_shared_with)] | None = None
    """Who else sees it and may start with it: `nobody`, `everybody` of the hub, or `group:NAME`."""


class BuildView(Message):
    """One build."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    person: str
    """JupyterHub's name of the person, or `service/NAME`."""
    repository: str
    ref: str
    packages_until: str
    cluster: str
    state: BuildState
    message: str
    """The step that it is at, or what went wrong."""
    hint: str
    """What to do next."""
    commit: str
    """Full hash, once it is known."""
    files: tuple[str, ...]
    """Paths in the repository of what the environment follows from."""
    digest: str
    """The environment's name, once versions are chosen."""
    created: datetime
    started: datetime | None
    ended: datetime | None


class BuildList(Message):
    """Builds, newest first."""

    builds: list[BuildView]


class EnvironmentView(Message):
    """One environment."""

    model_config = ConfigDict(from_attributes=True)

    digest: str
    """The SHA-256 of its lock, and its name everywhere."""
    name: str
    """What people call it."""
    owner: str
    shared_with: str
    """Who else sees it and may start with it: `nobody`, `everybody` of the hub, or `group:NAME`."""
    packages_until: str
    """The date (ISO 8601, UTC) up to which packages counted; empty: there was none."""
    made_from: UUID
    """The build that it comes from."""
    created: datetime
    last_used: datetime | None


class EnvironmentList(Message):
    """Environments, newest first."""

    environments: list[EnvironmentView]


class FilesView(Message):
    """Files that somebody brought."""

    id: UUID
    name: str
    """What people call them."""
    repository: str
    """The address that stands for them, for builds."""
    size: int
    """Bytes of the archive."""
    created: datetime


class FilesList(Message):
    """What somebody has brought, newest first."""

    files: list[FilesView]
