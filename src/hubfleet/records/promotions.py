"""Which environment each profile has: a history to which steps are added, and never changed.

Going back is a step too. Each step knows the one that it can go back to, so that going back twice goes back two steps,
and what was gone back from is not returned to.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hubfleet.records.entries import EnvironmentEntry, PromotionEntry
from hubfleet.records.models import PromotedRow, PromotionRow


class Promotions:
    """The history of all profiles, for the length of a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def now(self) -> dict[str, PromotionEntry]:
        """Return the last step of each profile that has one."""
        last = select(func.max(PromotionRow.id)).group_by(PromotionRow.profile)
        rows = self._session.scalars(select(PromotionRow).where(PromotionRow.id.in_(last)))
        return {row.profile: self._entry(row) for row in rows}

    def history(self, profile: str, *, limit: int) -> list[PromotionEntry]:
        """Return a profile's steps, newest first."""
        query = select(PromotionRow).where(PromotionRow.profile == profile)
        rows = self._session.scalars(query.order_by(PromotionRow.id.desc()).limit(limit))
        return [self._entry(row) for row in rows]

    def step(self, number: int | None) -> PromotionEntry | None:
        """Return one step; None for none."""
        row = None if number is None else self._session.get(PromotionRow, number)
        return None if row is None else self._entry(row)

    def promote(
        self, profile: str, environment: EnvironmentEntry, *, person: str, at: datetime, build: UUID | None
    ) -> PromotionEntry:
        """Give a profile an environment, and keep its lock from now on."""
        if self._session.get(PromotedRow, environment.digest) is None:
            kept = PromotedRow(digest=environment.digest, name=environment.name, lock=environment.lock)
            self._session.add(kept)
            self._session.flush()
        last = self.now().get(profile)
        return self._add(
            PromotionRow(
                profile=profile,
                digest=environment.digest,
                person=person,
                at=at,
                build=build,
                after=None if last is None else last.id,
                back=False,
            )
        )

    def go_back(self, last: PromotionEntry, *, person: str, at: datetime) -> PromotionEntry:
        """Let a profile have what it had before its last step; without such a step what the hub's file says."""
        before = self.step(last.after)
        return self._add(
            PromotionRow(
                profile=last.profile,
                digest=(before.digest or None) if before is not None else None,
                person=person,
                at=at,
                build=None if before is None else before.build,
                after=None if before is None else before.after,
                back=True,
            )
        )

    def lock(self, digest: str) -> str:
        """Return the lock of what was promoted once; empty: it never was."""
        row = self._session.get(PromotedRow, digest)
        return "" if row is None else row.lock

    def in_use(self) -> Mapping[str, str]:
        """Return the locks of what profiles have, or would go back to, by digest."""
        steps = [entry for last in self.now().values() for entry in (last, self.step(last.after))]
        digests = {entry.digest for entry in steps if entry is not None and entry.digest}
        return {digest: self.lock(digest) for digest in sorted(digests)}

    def _add(self, row: PromotionRow) -> PromotionEntry:
        self._session.add(row)
        self._session.flush()
        return self._entry(row)

    def _entry(self, row: PromotionRow) -> PromotionEntry:
        kept = None if row.digest is None else self._session.get_one(PromotedRow, row.digest)
        return PromotionEntry(
            id=row.id,
            profile=row.profile,
            digest=row.digest or "",
            name="" if kept is None else kept.name,
            person=row.person,
            at=row.at,
            build=row.build,
            after=row.after,
            back=row.back,
        )
