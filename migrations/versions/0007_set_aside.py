"""Rows of the vendor that could not be typed: kept with their reason, until a later reading of their bucket has no such row."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"


def upgrade() -> None:
    op.create_table(
        "set_aside",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("endpoint", sa.Text(), nullable=False, comment="Endpoint of the stream."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."),
        sa.Column(
            "position",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Place among the rows of the bucket that were set aside, from 1.",
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why the row could not be typed."),
        sa.Column(
            "source_row",
            sa.Text(),
            nullable=False,
            comment="The row as JSON text, cut off when it is long; anything like a key is masked.",
        ),
        sa.Column("fetch_number", sa.BigInteger(), nullable=False, comment="Fetch that first came with the row."),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False, comment="When it was set aside."
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_set_aside_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "endpoint", "bucket_width", "bucket_start", "position", name=op.f("pk_set_aside")),
        schema="ops",
        comment="One row per row of the vendor that could not be typed, and so is in no figure; at most 100 of each bucket.",
    )
    # To the driver a percent sign would begin a parameter.
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0007_rights.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    op.drop_table("set_aside", schema="ops")
