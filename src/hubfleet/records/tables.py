"""What the records can be asked and told, within one transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Unpack
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import and_, or_, select, true
from sqlalchemy.orm import Session, defer

from hubfleet.records.entries import BuildChanges, BuildEntry, EnvironmentEntry
from hubfleet.records.models import BuildRow, EnvironmentRow

_READY = "ready"
NAME_MAX = 100


class Tables:
    """The records, for the length of a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_build(self, build: BuildEntry) -> None:
        """Write a new build down."""
        self._session.add(BuildRow(**{**build.model_dump(), "files": list(build.files)}))

    def change_build(self, build: UUID, **changes: Unpack[BuildChanges]) -> BuildEntry:
        """Change some of a build and leave the rest as it is."""
        row = self._session.get_one(BuildRow, build)
        for name, value in changes.items():
            setattr(row, name, value)
        self._session.flush()
        return BuildEntry.model_validate(row)

    def build(self, build: UUID) -> BuildEntry | None:
        """Return one build."""
        row = self._session.get(BuildRow, build)
        return None if row is None else BuildEntry.model_validate(row)

    def builds(self, person: str | None, *, search: str = "", limit: int) -> list[BuildEntry]:
        """Return builds of one person, or of all (None), newest first."""
        query = select(BuildRow).order_by(BuildRow.created.desc(), BuildRow.id).limit(limit)
        if person is not None:
            query = query.where(BuildRow.person == person)
        if search:
            query = query.where(BuildRow.repository.icontains(search, autoescape=True))
        return [BuildEntry.model_validate(row) for row in self._session.scalars(query)]

    def unfinished(self, person: str | None = None) -> list[BuildEntry]:
        """Return the builds that may still go on, oldest first."""
        query = select(BuildRow).where(BuildRow.ended.is_(None)).order_by(BuildRow.created)
        if person is not None:
            query = query.where(BuildRow.person == person)
        return [BuildEntry.model_validate(row) for row in self._session.scalars(query)]

    def make_environment(self, made: EnvironmentEntry) -> None:
        """Write an environment down; one that is there already stays as it is: its digest says what is in it."""
        if self._session.get(EnvironmentRow, made.digest) is None:
            self._session.add(EnvironmentRow(**made.model_dump()))

    def environment(self, digest: str, person: str | None) -> EnvironmentEntry | None:
        """Return one environment, if a person may see it (None: whoever it belongs to)."""
        row = self._session.get(EnvironmentRow, digest)
        return None if row is None else self._seen_by(person, row, lock=row.lock)

    def environments(self, person: str | None, *, search: str = "", limit: int) -> list[EnvironmentEntry]:
        """Return the environments that a person has or built (None: all), newest first, without their locks.

        A search looks at names, and at the repositories that the person built them from.
        """
        built = select(BuildRow.digest).where(BuildRow.state == _READY)
        own = true() if person is None else EnvironmentRow.owner == person
        if person is not None:
            built = built.where(BuildRow.person == person)
        if search:
            built = built.where(BuildRow.repository.icontains(search, autoescape=True))
            own = and_(own, EnvironmentRow.name.icontains(search, autoescape=True))
        query = (
            select(EnvironmentRow)
            .options(defer(EnvironmentRow.lock))
            .where(or_(own, EnvironmentRow.digest.in_(built)))
            .order_by(EnvironmentRow.created.desc(), EnvironmentRow.digest)
            .limit(limit)
        )
        seen = (self._seen_by(person, row, lock="") for row in self._session.scalars(query))
        return [entry for entry in seen if entry is not None]

    def made_since(self, time: datetime) -> list[EnvironmentEntry]:
        """Return the environments that were made since a time, whoever they belong to, with their locks."""
        query = select(EnvironmentRow).where(EnvironmentRow.created >= time)
        seen = (self._seen_by(None, row, lock=row.lock) for row in self._session.scalars(query))
        return [entry for entry in seen if entry is not None]

    def _seen_by(self, person: str | None, row: EnvironmentRow, *, lock: str) -> EnvironmentEntry | None:
        """Return an environment as a person may see it.

        Two people whose repositories lead to the same lock have the same environment, and neither learns of the other:
        who does not own it sees it as what their own build made.
        """
        entry = EnvironmentEntry(
            digest=row.digest,
            name=row.name,
            owner=row.owner,
            lock=lock,
            packages_until=row.packages_until,
            made_from=row.made_from,
            created=row.created,
            last_used=row.last_used,
        )
        if person is None or row.owner == person:
            return entry
        own = self._own_build(row.digest, person)
        if own is None:
            return None
        return entry.model_copy(
            update={
                "name": repository_name(own.repository),
                "owner": person,
                "made_from": own.id,
                "created": own.ended or own.created,
                "last_used": None,
            }
        )

    def _own_build(self, digest: str, person: str) -> BuildRow | None:
        query = (
            select(BuildRow)
            .where(BuildRow.digest == digest, BuildRow.person == person, BuildRow.state == _READY)
            .order_by(BuildRow.created.desc())
            .limit(1)
        )
        return self._session.scalars(query).first()


def repository_name(repository: str) -> str:
    """Return what people call a repository: `https://github.com/ann/waves.git` is `waves`."""
    parts: Sequence[str] = [part for part in urlsplit(repository).path.split("/") if part]
    last = parts[-1].removesuffix(".git") if parts else ""
    return (last or repository)[:NAME_MAX]
