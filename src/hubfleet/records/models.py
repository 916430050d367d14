"""Tables of the records as SQLAlchemy sees them; `history/` holds how each version came to be."""

import uuid
from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
    Uuid,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcTime(TypeDecorator[datetime]):
    """A time that is aware and in UTC here, and naive in the database: SQLite keeps no zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Take the zone off."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Put it on again."""
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """What all tables are known by."""


class BuildRow(Base):
    """One build."""

    __tablename__ = "builds"
    __table_args__ = (
        Index("builds_by_person", "person", "created"),
        Index("builds_by_digest", "digest"),
        Index("builds_by_end", "ended"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    person: Mapped[str] = mapped_column(String(300))
    repository: Mapped[str] = mapped_column(Text)
    ref: Mapped[str] = mapped_column(String(300))
    packages_until: Mapped[str] = mapped_column(String(40))
    private: Mapped[bool] = mapped_column(Boolean)
    cluster: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(20))
    stop_wanted: Mapped[bool] = mapped_column(Boolean)
    message: Mapped[str] = mapped_column(Text)
    hint: Mapped[str] = mapped_column(Text)
    commit: Mapped[str] = mapped_column(String(64))
    files: Mapped[list[str]] = mapped_column(JSON)
    digest: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(UtcTime)
    started: Mapped[datetime | None] = mapped_column(UtcTime)
    ended: Mapped[datetime | None] = mapped_column(UtcTime)
    seq: Mapped[int] = mapped_column(Integer)


class EnvironmentRow(Base):
    """One environment of one person, named by its lock's digest; others may have the same under names of their own."""

    __tablename__ = "environments"
    __table_args__ = (
        Index("environments_by_owner", "owner", "created"),
        Index("environments_by_sharing", "shared_with"),
    )

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(300), primary_key=True)
    name: Mapped[str] = mapped_column(String(300))
    shared_with: Mapped[str] = mapped_column(String(300))
    lock: Mapped[str] = mapped_column(Text)
    packages_until: Mapped[str] = mapped_column(String(40))
    made_from: Mapped[uuid.UUID] = mapped_column(ForeignKey("builds.id", name="environments_made_from"))
    created: Mapped[datetime] = mapped_column(UtcTime)
    last_used: Mapped[datetime | None] = mapped_column(UtcTime)


class PromotedRow(Base):
    """An environment that was promoted once: kept with its lock, whatever its owner does, so that going back works."""

    __tablename__ = "promoted"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(300))
    lock: Mapped[str] = mapped_column(Text)


class PromotionRow(Base):
    """One step of a profile's history; rows are added and never changed."""

    __tablename__ = "promotions"
    __table_args__ = (Index("promotions_by_profile", "profile", "id"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    profile: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str | None] = mapped_column(ForeignKey("promoted.digest", name="promotions_digest"))
    person: Mapped[str] = mapped_column(String(300))
    at: Mapped[datetime] = mapped_column(UtcTime)
    build: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("builds.id", name="promotions_build"))
    after: Mapped[int | None] = mapped_column(ForeignKey("promotions.id", name="promotions_after"))
    back: Mapped[bool] = mapped_column(Boolean)


class BroughtRow(Base):
    """Files that somebody brought; they never change: those of a later day are another row."""

    __tablename__ = "brought"
    __table_args__ = (Index("brought_by_person", "person", "created"),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    person: Mapped[str] = mapped_column(String(300))
    name: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(Integer)
    archive: Mapped[bytes] = mapped_column(LargeBinary)
    created: Mapped[datetime] = mapped_column(UtcTime)
