"""What the fetching step answers, checked: it runs beside what strangers' servers sent, so nothing of it is believed.

And what is remembered of it, within a limit.
"""

from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from hubfleet.agent.environments.fetching import MAX_FILE_BYTES, MAX_FILES
from hubfleet.agent.environments.specification import Fetched, SourceFile
from hubfleet.errors import BuildError

REMEMBERED_MAX = 64_000_000
"""Characters of files that are remembered."""
_Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00-\x1f\x7f]+$")]
    text: Annotated[str, Field(max_length=MAX_FILE_BYTES)]
    changed: AwareDatetime
    included: bool


class Submodule(BaseModel):
    """A folder of a commit that is another repository's commit."""

    model_config = ConfigDict(extra="forbid")

    path: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f\x7f\\]+$")]
    url: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """As `.gitmodules` says it; empty: it does not."""
    commit: _Commit
    line: Annotated[int, Field(ge=1)] = 1
    """Where `.gitmodules` says it."""

    @field_validator("path")
    @classmethod
    def _within(cls, path: str) -> str:
        if {"", ".", "..", ".git"} & set(path.lower().split("/")):
            raise ValueError("it leads out of the repository, or into git's own")
        return path


class Answer(BaseModel):
    """One line of the fetching step."""

    model_config = ConfigDict(extra="forbid")

    say: Annotated[str, Field(max_length=1000)] = ""
    """A step that it begins."""
    failed: Annotated[str, Field(max_length=40)] = ""
    """The step that failed."""
    detail: Annotated[str, Field(max_length=2000)] = ""
    commit: _Commit | Literal[""] = ""
    ref: Annotated[str, Field(max_length=1000, pattern=r"^[^\x00-\x20\x7f]*$")] = ""
    """Whole name of what the commit was asked for by; empty: by itself."""
    known: bool = False
    """Whether the commit is one of those that were remembered."""
    folder: Literal["", "binder", ".binder"] = ""
    files: Annotated[list[_File], Field(max_length=MAX_FILES)] = []
    code: _Commit | Literal[""] = ""
    packaged: AwareDatetime | Literal[""] = ""
    submodules: Annotated[list[Submodule], Field(max_length=1000)] = []
    """Of a commit that is checked out."""
    size: Annotated[int, Field(ge=0)] = 0
    """Bytes of its files."""
    count: Annotated[int, Field(ge=0)] = 0
    """How many files it has."""

    @classmethod
    def of(cls, line: str) -> "Answer":
        """Read a line.

        Raises:
            BuildError: it is none that the step writes.
        """
        try:
            return cls.model_validate_json(line)
        except ValidationError as error:
            raise BuildError(
                "the repository cannot be fetched: what was fetched makes no sense",
                hint=f"{error.errors()[0]['msg'][:200]}; tell the operator",
            ) from error

    def fetched(self, repository: str) -> Fetched:
        """Return what a repository says at a commit."""
        files = [
            SourceFile(file.path, file.text, file.changed.astimezone(UTC), included=file.included)
            for file in self.files
        ]
        packaged = self.packaged.astimezone(UTC) if isinstance(self.packaged, datetime) else None
        return Fetched(self.commit, self.folder, files, repository, code=self.code, packaged=packaged)


class Remembered:
    """What was fetched lately, the oldest forgotten first."""

    def __init__(self, limit: int = REMEMBERED_MAX) -> None:
        self._limit = limit
        self._found: OrderedDict[tuple[Path, str], tuple[Fetched, bool]] = OrderedDict()
        self._size = 0

    def commits(self, folder: Path) -> list[str]:
        """Return the commits of one repository."""
        return [commit for place, commit in self._found if place == folder]

    def get(self, folder: Path, commit: str) -> Fetched | None:
        """Return what a repository says at a commit."""
        found = self._found.get((folder, commit))
        if found is None:
            return None
        self._found.move_to_end((folder, commit))
        return found[0]

    def public(self, folder: Path, commit: str) -> Fetched | None:
        """Return it if nobody needed a token for it."""
        found = self._found.get((folder, commit))
        return self.get(folder, commit) if found and found[1] else None

    def keep(self, folder: Path, fetched: Fetched, *, public: bool) -> None:
        """Remember it as long as there is room."""
        before = self._found.pop((folder, fetched.commit), None)
        self._size -= _size(before[0]) if before else 0
        self._found[folder, fetched.commit] = (fetched, public)
        self._size += _size(fetched)
        # the newest one is about to be used, however large it is
        while self._size > self._limit and len(self._found) > 1:
            self._size -= _size(self._found.popitem(last=False)[1][0])


def _size(fetched: Fetched) -> int:
    # what surrounds the texts counts too
    return 2000 + sum(len(file.text) for file in fetched.files)
