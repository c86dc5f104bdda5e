"""How final each bucket is, and what was known of a day's total at each reading: from the latter one sees how fast a stream settles."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ENUM, JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FINALITY = ENUM("open", "settling", "settled", "invoiced", name="finality", schema="warehouse", create_type=False)
SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"
BEFORE = "Whether the bucket was over and whole when it was last read."
AFTER = "Whether the bucket is settled: later readings are not expected to differ."


def upgrade() -> None:
    FINALITY.create(op.get_bind())
    op.add_column(
        "coverage",
        sa.Column(
            "finality", FINALITY, nullable=True, comment="How final the bucket was when it was last read: open, settling or settled."
        ),
        schema="ops",
    )
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0005_finality.sql").read_text())
    op.alter_column("coverage", "finality", nullable=False, schema="ops")
    op.alter_column("coverage", "is_complete", comment=AFTER, existing_comment=BEFORE, schema="ops")
    op.create_check_constraint("is_complete_from_settled_on", "coverage", "is_complete = (finality >= 'settled')", schema="ops")
    op.create_table(
        "bucket_totals",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("endpoint", sa.Text(), nullable=False, comment="Endpoint of the stream."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False, comment="When the vendor was asked."),
        sa.Column("totals", JSONB(), nullable=False, comment="Total by currency for costs, by metric for usage, as text with every digit."),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_bucket_totals_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "endpoint", "bucket_width", "bucket_start", "read_at", name=op.f("pk_bucket_totals")),
        schema="ops",
        comment="One row per young day and reading at which its total was another one than at the reading before.",
    )
    # To the driver a percent sign would begin a parameter.
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0005_rights.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    op.drop_table("bucket_totals", schema="ops")
    op.drop_constraint(op.f("ck_coverage_is_complete_from_settled_on"), "coverage", schema="ops")
    # A bucket that was over and whole counted as complete, settled or not.
    op.execute("UPDATE ops.coverage SET is_complete = true WHERE finality = 'settling'")
    op.alter_column("coverage", "is_complete", comment=BEFORE, existing_comment=AFTER, schema="ops")
    op.drop_column("coverage", "finality", schema="ops")
    FINALITY.drop(op.get_bind())
