"""What a repository's files ask for, read in the builder's sandbox: the agent itself sees only checked JSON.

A stranger's text may hold what a parser stumbles over. So nothing parses it but `reading`, as the builder's user and
without a network; it runs by the agent's own Python, with the same modules.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import uv
from annotated_types import MaxLen
from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import from_json

from hubfleet.agent.environments import apt_file, own_lines, programs
from hubfleet.agent.environments.conda import CHANNELS, platform_name
from hubfleet.agent.environments.locks import OWN_MAX
from hubfleet.agent.environments.realise import python_version
from hubfleet.agent.environments.specification import (
    Blank,
    CondaFile,
    Debian,
    Fetched,
    Locked,
    Own,
    Refusal,
    Specification,
    Wanted,
)
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.errors import BuildError, CommandError

_TIMEOUT_S = 60.0
_KEPT = 200
"""Answers that are kept in memory: commits that touch other files ask the same again."""
_CHARACTERS_MAX = 5000
_TEXTS_MAX = 50_000
_TOLD = ("conda", "requirements", "locked", "until", "notes", "own", "blank", "debian")


@dataclass(frozen=True)
class _Read:
    """A specification as the sandbox tells it."""

    files: tuple[str, ...]
    conda: CondaFile | None = None
    requirements: tuple[str, ...] = ()
    locked: tuple[Locked, ...] = ()
    until: Annotated[str, StringConstraints(pattern=r"^(\d{4}-\d\d-\d\d)?$")] = ""
    notes: tuple[str, ...] = ()
    own: Annotated[tuple[Own, ...], MaxLen(OWN_MAX)] = ()
    blank: tuple[Blank, ...] = ()
    debian: tuple[Debian, ...] = ()


@dataclass(frozen=True)
class _Answer:
    read: _Read | None = None
    refused: Refusal | None = None


_ANSWERS = TypeAdapter(_Answer)


class Reader:
    """Reads what repositories ask for, each only once."""

    def __init__(self, workshop: Workshop, channels: Mapping[str, str]) -> None:
        """Make it.

        Args:
            workshop: runs the program that reads.
            channels: allowed conda channels by name, and where they are.
        """
        self._workshop = workshop
        self._channels = dict(channels)
        self._known: dict[str, _Answer] = {}

    async def read(self, fetched: Fetched) -> Specification:
        """Return what a repository's environment follows from.

        Raises:
            BuildError: it asks for what cannot be honoured here; names the file.
        """
        if not fetched.files:
            return Specification(())
        asked = self._asked(fetched)
        key = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
        answer = self._known.pop(key, None) or checked(await self._run(asked), fetched, self._channels)
        self._known[key] = answer
        for old in list(self._known)[:-_KEPT]:
            del self._known[old]
        if answer.read is None:
            raise (answer.refused or Refusal("the repository's files cannot be read")).error
        by_path = {file.path: file for file in fetched.files}
        read = answer.read
        told = {name: getattr(read, name) for name in _TOLD}
        packaged = fetched.packaged if read.own else None
        return Specification([by_path[path] for path in read.files], **told, packaged=packaged)

    def _asked(self, fetched: Fetched) -> dict[str, object]:
        told = [
            {"path": file.path, "text": file.text, "changed": file.changed.isoformat(), "included": file.included}
            for file in fetched.files
        ]
        return {
            "commit": "",
            "folder": fetched.folder,
            "repository": fetched.repository,
            "files": told,
            "python": python_version(self._workshop.python),
            "channels": self._channels,
            "platform": platform_name(),
            "known_channels": sorted({*CHANNELS, *self._channels}),
            "uv": uv.find_uv_bin(),
            "interpreter": str(self._workshop.python),
        }

    async def _run(self, asked: Mapping[str, object]) -> str:
        if self._workshop.bwrap is None:
            raise BuildError("reading a repository's files needs a sandbox, which this cluster does without")
        reads = [Path(uv.find_uv_bin())]
        try:
            done = await programs.run(self._workshop, "reading", asked, reads=reads, timeout_s=_TIMEOUT_S)
        except CommandError as error:
            raise BuildError("reading the repository's files took too long", hint=error.message) from error
        if done.status:
            raise BuildError("the repository's files cannot be read", hint=programs.last_line(done))
        return done.stdout


def checked(said: str, fetched: Fetched, channels: Mapping[str, str]) -> _Answer:
    """Return what the sandbox says, if it is of the right form.

    Args:
        said: JSON.
        fetched: what it was asked about.
        channels: allowed conda channels.

    Raises:
        BuildError: it is not.
    """
    try:
        plain = from_json(said)
        texts = list(_texts(plain))
        answer = _ANSWERS.validate_python(plain)
    except (ValidationError, ValueError) as error:
        raise _odd() from error
    if len(texts) > _TEXTS_MAX or not all(len(text) <= _CHARACTERS_MAX and _one_line(text) for text in texts):
        raise _odd()
    if answer.read and not {file.path for file in fetched.files}.issuperset(answer.read.files):
        raise _odd()
    if answer.read and not all(own_lines.is_folder(item.folder) for item in answer.read.own):
        raise _odd()
    if answer.read and not all(map(apt_file.is_package, answer.read.debian)):
        raise _odd()
    wanted = answer.read.conda.channels if answer.read and answer.read.conda else None
    if isinstance(wanted, Wanted):
        named = [spec.rpartition("::")[0] for spec in wanted.specs if "::" in spec]
        if not set(channels).issuperset([*wanted.channels, *named]):
            raise _odd()
    return answer


def _texts(plain: object) -> Iterator[str]:
    if isinstance(plain, str):
        yield plain
    elif isinstance(plain, dict | list):
        for item in plain.values() if isinstance(plain, dict) else plain:
            yield from _texts(item)


def _one_line(text: str) -> bool:
    return all(character >= " " and character not in "\x7f\x85\u2028\u2029" for character in text)


def _odd() -> BuildError:
    return BuildError("the repository's files cannot be read", hint="what was read of them makes no sense")
