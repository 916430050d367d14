"""Files that people brought, stored as one commit each by the builder's user in its sandbox.

Their address stands for them: builds and servers name it as they name a repository's, and nothing is fetched from it.
"""

import asyncio
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hubfleet._kit.files import write_atomic
from hubfleet.agent.environments import programs
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.agent.refusals import ConflictError
from hubfleet.errors import BuildError, CommandError
from hubfleet.protocol.files import MAX_FILES, MAX_UNPACKED_BYTES, GivenAnswer, GivenFiles

_MARK = "given.json"
_TIMEOUT_S = 120.0
_Line = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00-\x1f\x7f]*$")]


class _Refused(BaseModel):
    model_config = ConfigDict(extra="forbid")

    message: _Line
    hint: _Line


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    commit: Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")] = ""
    left_out: Annotated[list[_Line], Field(max_length=20)] = []
    refused: _Refused | None = None


class _Mark(BaseModel):
    """What is noted beside a store, once it is complete."""

    told: str
    """Digest of all that was asked."""
    commit: str
    left_out: list[str]


class Given:
    """What people have brought to one agent."""

    def __init__(self, workshop: Workshop) -> None:
        """Make it.

        Args:
            workshop: runs the program that reads archives.
        """
        self._workshop = workshop

    def found(self, store: Path) -> GivenAnswer | None:
        """Return what is in a store; None: nobody brought anything there."""
        mark = _read(store)
        return GivenAnswer(commit=mark.commit, left_out=mark.left_out) if mark else None

    async def put(self, store: Path, files: GivenFiles, archive: bytes) -> GivenAnswer:
        """Store an archive; the same again is the same commit.

        Args:
            store: the folder of its address, the builder's own.
            files: what it is.
            archive: a zip archive.

        Raises:
            BuildError: it is none, or holds what cannot be taken.
            ConflictError: other files have this address.
        """
        told = hashlib.sha256(files.model_dump_json().encode() + archive).hexdigest()
        mark = _read(store)
        if mark is None:
            mark = await self._store(store, files, archive, told)
        if mark.told != told:
            raise ConflictError("other files have this address")
        return GivenAnswer(commit=mark.commit, left_out=mark.left_out)

    async def _store(self, store: Path, files: GivenFiles, archive: bytes, told: str) -> _Mark:
        if self._workshop.bwrap is None:
            raise BuildError("reading what people bring needs a sandbox, which this cluster does without")
        with tempfile.NamedTemporaryFile(dir=store, prefix="archive-") as file:
            os.fchmod(file.fileno(), 0o644)
            await asyncio.to_thread(file.write, archive)
            file.flush()
            answer = await self._run(store, Path(file.name), files)
        if answer.refused is not None:
            raise BuildError(answer.refused.message, hint=answer.refused.hint)
        mark = _Mark(told=told, commit=answer.commit, left_out=answer.left_out)
        await asyncio.to_thread(write_atomic, store / _MARK, mark.model_dump_json())
        return mark

    async def _run(self, store: Path, archive: Path, files: GivenFiles) -> _Answer:
        asked = {
            **{"folder": str(store), "archive": str(archive), "title": files.title, "at": files.at.isoformat()},
            **{"max_bytes": MAX_UNPACKED_BYTES, "max_files": MAX_FILES},
        }
        try:
            done = await programs.run(self._workshop, "storing_given", asked, writes=[store], timeout_s=_TIMEOUT_S)
        except CommandError as error:
            raise BuildError("the archive took too long to read", hint=error.message) from error
        try:
            return _Answer.model_validate_json(done.stdout)
        except ValidationError as error:
            raise BuildError("the archive cannot be read", hint=programs.last_line(done)) from error


def _read(store: Path) -> _Mark | None:
    try:
        return _Mark.model_validate_json((store / _MARK).read_text())
    except (OSError, ValidationError):
        return None
