"""Profiles get environments, one after the other, and go back to those before."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "promoted",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("lock", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "promotions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("profile", sa.String(100), nullable=False),
        sa.Column("digest", sa.String(64), nullable=True),
        sa.Column("person", sa.String(300), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("build", sa.Uuid(), nullable=True),
        sa.Column("after", sa.Integer(), nullable=True),
        sa.Column("back", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["promoted.digest"], name="promotions_digest"),
        sa.ForeignKeyConstraint(["build"], ["builds.id"], name="promotions_build"),
        sa.ForeignKeyConstraint(["after"], ["promotions.id"], name="promotions_after"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("promotions_by_profile", "promotions", ["profile", "id"])
