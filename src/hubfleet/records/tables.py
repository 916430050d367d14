"""What the records can be asked and told, within one transaction."""

from datetime import datetime
from typing import Unpack
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, true
from sqlalchemy.orm import Session, defer

from hubfleet.model.addresses import name_of
from hubfleet.model.sharing import EVERYBODY, with_group
from hubfleet.records.brought import Brought
from hubfleet.records.entries import BuildChanges, BuildEntry, EnvironmentChanges, EnvironmentEntry, Reader
from hubfleet.records.models import BuildRow, EnvironmentRow, PromotionRow
from hubfleet.records.promotions import Promotions

NAME_MAX = 100


class Tables:
    """The records, for the length of a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.promotions = Promotions(session)
        """Which environments profiles have."""
        self.brought = Brought(session)
        """Files that people have brought."""

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

    def builds_of(self, digest: str, person: str | None) -> list[BuildEntry]:
        """Return the builds of one person, or of all (None), that led to a digest, newest first."""
        query = select(BuildRow).where(BuildRow.digest == digest).order_by(BuildRow.created.desc(), BuildRow.id)
        if person is not None:
            query = query.where(BuildRow.person == person)
        return [BuildEntry.model_validate(row) for row in self._session.scalars(query)]

    def forget(self, person: str) -> bool:
        """Remove somebody's environments, files, and builds that are over; say whether nothing of theirs is left.

        A build from which somebody's profile has its environment stays.
        """
        for made in self._session.scalars(select(EnvironmentRow).where(EnvironmentRow.owner == person)):
            self._session.delete(made)
        self.brought.forget(person)
        self._session.flush()
        elsewhere = (EnvironmentRow.made_from == BuildRow.id, PromotionRow.build == BuildRow.id)
        builds = select(BuildRow).where(BuildRow.person == person, *(~exists().where(use) for use in elsewhere))
        left = False
        for build in self._session.scalars(builds):
            if build.ended is None:
                left = True
            else:
                self._session.delete(build)
        return not left

    def lock(self, digest: str) -> str:
        """Return the lock of an environment, whoever has it; empty: no record holds it."""
        query = select(EnvironmentRow.lock).where(EnvironmentRow.digest == digest).limit(1)
        return self._session.scalars(query).first() or self.promotions.lock(digest)

    def make_environment(self, made: EnvironmentEntry) -> None:
        """Write an environment down; one that its owner has already stays as it is: its digest says what is in it."""
        if self._session.get(EnvironmentRow, (made.digest, made.owner)) is None:
            self._session.add(EnvironmentRow(**made.model_dump()))

    def environment(self, digest: str, reader: Reader) -> EnvironmentEntry | None:
        """Return an environment with its lock, if somebody may see it: their own, or else whose is shared most widely.

        Two people whose repositories lead to the same lock have it under names of their own, and neither learns of the
        other.
        """
        query = (
            select(EnvironmentRow)
            .where(EnvironmentRow.digest == digest, _visible(reader))
            .order_by(
                EnvironmentRow.owner != reader.person,
                EnvironmentRow.shared_with != EVERYBODY,
                EnvironmentRow.created,
                EnvironmentRow.owner,
            )
            .limit(1)
        )
        row = self._session.scalars(query).first()
        return None if row is None else _entry(row, lock=row.lock)

    def environments(
        self, reader: Reader, *, search: str = "", own: bool | None = None, limit: int
    ) -> list[EnvironmentEntry]:
        """Return the environments that somebody may see, newest first, without their locks.

        Args:
            reader: who looks.
            search: part of a name, or of the address of the repository that one was made from.
            own: only those that belong to the reader, or only others'; None: both.
            limit: how many at most.
        """
        query = select(EnvironmentRow).options(defer(EnvironmentRow.lock)).where(_visible(reader)).limit(limit)
        if own is not None:
            query = query.where((EnvironmentRow.owner == reader.person) == own)
        if search:
            query = query.join(BuildRow, BuildRow.id == EnvironmentRow.made_from).where(
                or_(
                    EnvironmentRow.name.icontains(search, autoescape=True),
                    BuildRow.repository.icontains(search, autoescape=True),
                )
            )
        query = query.order_by(EnvironmentRow.created.desc(), EnvironmentRow.digest, EnvironmentRow.owner)
        return [_entry(row) for row in self._session.scalars(query)]

    def change_environment(
        self, digest: str, owner: str, **changes: Unpack[EnvironmentChanges]
    ) -> EnvironmentEntry | None:
        """Change some of somebody's environment; return it, or None: they have no such."""
        row = self._session.get(EnvironmentRow, (digest, owner))
        if row is None:
            return None
        for name, value in changes.items():
            setattr(row, name, value)
        self._session.flush()
        return _entry(row, lock=row.lock)

    def delete_environment(self, digest: str, owner: str) -> None:
        """Forget somebody's environment; the builds that made it stay."""
        row = self._session.get(EnvironmentRow, (digest, owner))
        if row is not None:
            self._session.delete(row)

    def made_since(self, time: datetime) -> list[EnvironmentEntry]:
        """Return the environments that were made since a time, whoever they belong to, with their locks."""
        query = select(EnvironmentRow).where(EnvironmentRow.created >= time)
        return [_entry(row, lock=row.lock) for row in self._session.scalars(query)]


def _visible(reader: Reader) -> ColumnElement[bool]:
    if reader.everything:
        return true()
    words = [EVERYBODY, *(with_group(group) for group in reader.groups)]
    return or_(EnvironmentRow.owner == reader.person, EnvironmentRow.shared_with.in_(words))


def _entry(row: EnvironmentRow, *, lock: str = "") -> EnvironmentEntry:
    names = EnvironmentEntry.model_fields.keys() - {"lock"}
    return EnvironmentEntry(lock=lock, **{name: getattr(row, name) for name in names})


def repository_name(repository: str) -> str:
    """Return what people call a repository: `https://github.com/ann/waves.git` is `waves`."""
    return (name_of(repository) or repository)[:NAME_MAX]
