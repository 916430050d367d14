"""What people have brought: archives of files, within a transaction."""

from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, defer

from hubfleet.records.entries import BroughtEntry
from hubfleet.records.models import BroughtRow


class Brought:
    """All archives, for the length of a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, entry: BroughtEntry, archive: bytes) -> None:
        """Keep an archive."""
        self._session.add(BroughtRow(**entry.model_dump(), archive=archive))

    def one(self, brought: UUID) -> BroughtEntry | None:
        """Return what is known of an archive."""
        row = self._session.get(BroughtRow, brought, options=[defer(BroughtRow.archive)])
        return None if row is None else BroughtEntry.model_validate(row)

    def archive(self, brought: UUID) -> bytes:
        """Return an archive itself."""
        return self._session.get_one(BroughtRow, brought).archive

    def of(self, person: str) -> list[BroughtEntry]:
        """Return what somebody has brought, newest first."""
        query = select(BroughtRow).options(defer(BroughtRow.archive)).where(BroughtRow.person == person)
        rows = self._session.scalars(query.order_by(BroughtRow.created.desc(), BroughtRow.id))
        return [BroughtEntry.model_validate(row) for row in rows]

    def size(self, person: str) -> int:
        """Return how many bytes somebody has brought."""
        query = select(func.sum(BroughtRow.size)).where(BroughtRow.person == person)
        return self._session.scalar(query) or 0

    def delete(self, brought: UUID) -> None:
        """Forget an archive."""
        self._session.execute(delete(BroughtRow).where(BroughtRow.id == brought))

    def forget(self, person: str) -> None:
        """Forget all that somebody has brought."""
        self._session.execute(delete(BroughtRow).where(BroughtRow.person == person))
