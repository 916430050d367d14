"""Each hub's routes on disk: a file of JSON lines, one a change, flushed to the disk before anybody is answered.

A line that a crash cut off at the end was never answered for, and is dropped. Any other damage sets the file aside, and
what could be read is kept; JupyterHub adds again what it misses at its next check of routes.
"""

import json
import logging
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from hubfleet._kit.files import write_atomic
from hubfleet.model.base import Message

_log = logging.getLogger(__name__)
_SLACK_LINES = 1000
"""A file with so many more lines than routes is written anew."""


class Route(Message):
    """One route as a hub gave it."""

    path: str
    """Clean path, decoded, as in the REST API."""
    data: dict[str, JsonValue]
    """What the hub sent, `target` among it."""
    added_at: datetime = Field(default_factory=lambda: datetime.now(UTC))

    @property
    def target(self) -> str:
        """Where it leads."""
        return str(self.data["target"])


class Gone(Message):
    """A route that was deleted."""

    gone: str
    """Its path."""


Change = Route | Gone
_CHANGE: TypeAdapter[Change] = TypeAdapter(Change)


class Journal:
    """The file of one hub."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = 0

    def load(self) -> dict[str, Route]:
        """Return the routes by path; blocks."""
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            raw = b""
        routes, damaged = _replay(raw)
        if damaged:
            aside = self._path.with_name(f"{self._path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
            self._path.replace(aside)
            _log.error("%s was damaged: it is set aside as %s; %d routes were read", self._path, aside, len(routes))
        self.write(routes)
        return routes

    def append(self, changes: Iterable[Change]) -> None:
        """Add changes and wait until the disk has them; blocks.

        Raises:
            OSError: it has not (disk full); nothing was added.
        """
        lines = [change.model_dump_json() for change in changes]
        text = "".join(f"{line}\n" for line in lines).encode()
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(handle).st_size
            try:
                if os.write(handle, text) != len(text):
                    raise OSError(28, "no space left on device")
                os.fdatasync(handle)
            except OSError:
                os.ftruncate(handle, size)
                raise
        finally:
            os.close(handle)
        self._lines += len(lines)

    def long(self, routes: int) -> bool:
        """Say whether the file should be written anew."""
        return self._lines > routes + _SLACK_LINES

    def write(self, routes: Mapping[str, Route]) -> None:
        """Write the file anew; blocks."""
        write_atomic(self._path, "".join(f"{route.model_dump_json()}\n" for route in routes.values()), mode=0o600)
        self._lines = len(routes)


def _replay(raw: bytes) -> tuple[dict[str, Route], bool]:
    """Return the routes, and whether anything but a cut last line could not be read."""
    routes: dict[str, Route] = {}
    damaged = False
    for line in raw.split(b"\n")[:-1]:
        try:
            change = _CHANGE.validate_python(json.loads(line))
        except (ValidationError, ValueError):
            damaged = True
            continue
        if isinstance(change, Gone):
            routes.pop(change.gone, None)
        elif isinstance(change.data.get("target"), str):
            routes[change.path] = change
        else:
            damaged = True
    return routes, damaged
