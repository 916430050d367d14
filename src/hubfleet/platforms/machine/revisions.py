"""What was applied to a machine, resource by resource, newest last: the ground for plans and for putting back."""

import getpass
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from hubfleet._kit.files import write_atomic
from hubfleet.errors import StateError
from hubfleet.plan.actions import Resource
from hubfleet.plan.platform import Revision

KEPT = 50
"""Revisions kept of each resource, besides the newest proven one."""


class Revisions:
    """The revisions of one data folder: one file each, written whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, resource: str) -> list[Revision]:
        """Return the revisions of a resource, newest first.

        Raises:
            StateError: one is damaged.
        """
        return [self._read(path) for path in sorted(self._place(resource).glob("*.json"), reverse=True)]

    def newest(self) -> Iterator[Revision]:
        """Yield the newest revision of each resource that is there."""
        for folder in sorted(self._folder.glob("*/")):
            paths = sorted(folder.glob("*.json"))
            if paths and not (folder / "gone").exists():
                yield self._read(paths[-1])

    def add(self, resource: Resource, *, proven: bool | None = None) -> Revision:
        """Write a new revision down."""
        place = self._place(resource.id)
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        number = max((int(path.stem) for path in place.glob("*.json")), default=0) + 1
        revision = Revision(number=number, resource=resource, at=datetime.now(UTC), proven=proven, by=_who())
        self._write(revision)
        (place / "gone").unlink(missing_ok=True)
        self._trim(resource.id)
        return revision

    def mark(self, resource: str, *, proven: bool) -> None:
        """Note of the newest revision whether its proof held."""
        revisions = self.of(resource)
        if revisions:
            self._write(revisions[0].model_copy(update={"proven": proven}))

    def forget(self, resource: str) -> None:
        """Note that a resource is no longer there; its revisions stay, for going back."""
        (self._place(resource) / "gone").touch()

    def _trim(self, resource: str) -> None:
        revisions = self.of(resource)
        proven = next((revision.number for revision in revisions if revision.proven), 0)
        for revision in revisions[KEPT:]:
            if revision.number != proven:
                self._path(revision).unlink()

    def _place(self, resource: str) -> Path:
        return self._folder / resource.replace(" ", "-")

    def _path(self, revision: Revision) -> Path:
        return self._place(revision.resource.id) / f"{revision.number:06}.json"

    def _write(self, revision: Revision) -> None:
        write_atomic(self._path(revision), revision.model_dump_json(indent=1), mode=0o600)

    def _read(self, path: Path) -> Revision:
        try:
            return Revision.model_validate_json(path.read_text())
        except ValidationError as error:
            raise StateError(
                f"the revision {path} is damaged, or was written by another version of hubfleet",
                hint="move the file away and apply again; nothing that runs is touched by that",
            ) from error


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
