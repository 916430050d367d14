"""Whoever made an environment has it under a name of their own, and may share it.

Until now an environment belonged to the first who made it, and others had it by their builds alone.
"""

from urllib.parse import urlsplit

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_COLUMNS = ("digest", "name", "owner", "lock", "packages_until", "made_from", "created", "last_used")


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "environments_of_owners",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(300), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("shared_with", sa.String(300), nullable=False),
        sa.Column("lock", sa.Text(), nullable=False),
        sa.Column("packages_until", sa.String(40), nullable=False),
        sa.Column("made_from", sa.Uuid(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("last_used", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["made_from"], ["builds.id"], name="environments_made_from"),
        sa.PrimaryKeyConstraint("digest", "owner"),
    )
    _copy(op.get_bind())
    op.drop_index("environments_by_owner", "environments")
    op.drop_table("environments")
    op.rename_table("environments_of_owners", "environments")
    op.create_index("environments_by_owner", "environments", ["owner", "created"])
    op.create_index("environments_by_sharing", "environments", ["shared_with"])


def _copy(connection: sa.Connection) -> None:
    before = sa.table("environments", *(sa.column(name) for name in _COLUMNS))
    after = sa.table("environments_of_owners", *(sa.column(name) for name in (*_COLUMNS, "shared_with")))
    kept = sa.select(*(before.c[name] for name in _COLUMNS), sa.literal("nobody"))
    connection.execute(after.insert().from_select([*_COLUMNS, "shared_with"], kept))
    builds = sa.table(
        "builds", *(sa.column(name) for name in ("id", "person", "repository", "digest", "state", "created", "ended"))
    )
    others = (
        sa.select(builds, before.c.lock, before.c.packages_until)
        .join(before, before.c.digest == builds.c.digest)
        .where(builds.c.state == "ready", builds.c.person != before.c.owner)
        .order_by(builds.c.created)
    )
    latest = {(row.digest, row.person): row for row in connection.execute(others)}
    for row in latest.values():
        copied = {name: getattr(row, name) for name in ("digest", "lock", "packages_until")}
        own = {"owner": row.person, "name": _name(row.repository), "made_from": row.id, "shared_with": "nobody"}
        connection.execute(after.insert().values(**copied, **own, created=row.ended or row.created))


def _name(repository: str) -> str:
    parts = [part for part in urlsplit(repository).path.split("/") if part]
    return ((parts[-1].removesuffix(".git") if parts else "") or repository)[:100]
