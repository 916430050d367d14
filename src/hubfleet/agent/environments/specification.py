"""What an environment follows from: what reading a repository's files gives, and all that the agent itself gets of it.

The sandbox makes it (`reading`), the agent checks it (`reader`); no text of a repository is parsed outside of that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from posixpath import basename, join, normpath

from hubfleet.errors import BuildError

REQUIREMENTS = "requirements.txt"
KERNEL = ("ipykernel",)
"""What a kernel needs, besides what the repository asks for."""


@dataclass(frozen=True)
class SourceFile:
    """One file that was read from a commit."""

    path: str
    text: str
    changed: datetime
    """When the newest commit that touched it was made."""
    included: bool = False
    """Whether it counts because another file includes it."""


@dataclass(frozen=True)
class Fetched:
    """What a repository says at one commit."""

    commit: str
    folder: str
    """Where the specification is: `binder`, `.binder`, or empty for the root."""
    files: Sequence[SourceFile]
    repository: str = ""
    """The address that it was fetched from."""
    code: str = ""
    """The newest commit that touched anything but notebooks; empty: that one."""
    packaged: datetime | None = None
    """When the newest commit touched a file by which a package says what it depends on; None: there is none."""
    ref: str = ""
    """Whole name of the branch or tag that was asked for, such as `refs/heads/main`; empty: a commit was."""


@dataclass(frozen=True)
class Own:
    """A package that the repository is, or has in a folder."""

    folder: str = ""
    """Where, from the root."""
    extras: tuple[str, ...] = ()
    where: str = ""
    """What asks for it, such as `line 2 of requirements.txt`."""


@dataclass(frozen=True)
class Debian:
    """A Debian package that a repository asks for."""

    name: str
    version: str = ""
    """Empty: the newest."""
    where: str = ""
    """What asks for it, such as `line 2 of apt.txt`."""


@dataclass(frozen=True)
class Blank:
    """A line of a file that nothing else is to read."""

    path: str
    number: int
    """From 1."""


@dataclass(frozen=True)
class Refusal:
    """Why something cannot be had."""

    message: str
    hint: str = ""

    @property
    def error(self) -> BuildError:
        """What is raised for it."""
        return BuildError(self.message, hint=self.hint)


@dataclass(frozen=True)
class Wanted:
    """What is asked of a cluster's own channels."""

    channels: tuple[str, ...]
    """Names, the most important first."""
    specs: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """What is done otherwise than written, for whoever asked."""


@dataclass(frozen=True)
class FromPypi:
    """What is asked of PyPI in place of conda's channels."""

    requirements: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """What is done otherwise than written, for whoever asked."""


@dataclass(frozen=True)
class CondaFile:
    """An environment.yml by each of the ways that it may go."""

    channels: Wanted | Refusal
    pypi: FromPypi | Refusal
    pip: tuple[str, ...]
    """Lines of its `pip:` part, as of a requirements.txt."""


@dataclass(frozen=True)
class Locked:
    """One exact package of a repository's own lock."""

    name: str
    """As PyPI writes it."""
    version: str
    hashes: tuple[str, ...]
    """SHA-256 of its wheels."""

    @property
    def line(self) -> str:
        """Return its line in a lock."""
        return f"{self.name}=={self.version} {' '.join(f'--hash=sha256:{item}' for item in self.hashes)}"


@dataclass(frozen=True)
class Specification:
    """What an environment follows from."""

    files: Sequence[SourceFile]
    """What names packages first, then what it includes; empty: the repository asks for nothing."""
    conda: CondaFile | None = None
    """What the first file says, where it is an environment.yml; None: all packages are PyPI's."""
    requirements: tuple[str, ...] = ()
    """What a project or Pipfile asks for."""
    locked: tuple[Locked, ...] = ()
    """What a lock of the repository's own says; then nothing else is chosen but a kernel."""
    until: str = ""
    """The day up to which packages count, if the request says none (YYYY-MM-DD)."""
    notes: tuple[str, ...] = ()
    """What is done otherwise than written, for whoever asked."""
    own: tuple[Own, ...] = ()
    """What is installed from the repository itself."""
    blank: tuple[Blank, ...] = ()
    """Lines that ask for `own`."""
    debian: tuple[Debian, ...] = ()
    """What is asked of Debian."""
    packaged: datetime | None = None
    """As of `Fetched`, where something is installed from the repository itself."""

    @property
    def changed(self) -> datetime | None:
        """When the newest commit that touched one of the files was made."""
        told = [file.changed for file in self.files]
        return max([*told, self.packaged] if self.packaged else told, default=None)

    @property
    def paths(self) -> list[str]:
        """The files' paths in the repository."""
        return [file.path for file in self.files]

    @property
    def has_list(self) -> bool:
        """Whether the first file is a list that uv reads as it is."""
        return bool(self.files) and basename(self.files[0].path) == REQUIREMENTS


def place(file: SourceFile) -> str:
    """Return where a file is put so that what includes it finds it."""
    return normpath(join("tree", file.path))
