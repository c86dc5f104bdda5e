"""Totals of the hour facts by project, kept with them: questions about the hours of a year read few rows."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"
TABLE = "rollup_usage_by_hour"
KEY = ("usage_date", "bucket_start", "organization_id", "endpoint", "project_id")


def upgrade() -> None:
    # The figures of the other totals of usage. It is filled once all migrations are done, by the code that will keep it.
    op.execute(f"CREATE TABLE warehouse.{TABLE} (LIKE warehouse.rollup_usage_by_user INCLUDING COMMENTS)")
    op.drop_column(TABLE, "user_id", schema="warehouse")
    start = sa.Column(
        "bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."
    )
    op.add_column(TABLE, start, schema="warehouse")
    op.create_unique_constraint(f"uq_{TABLE}", TABLE, KEY, schema="warehouse", postgresql_nulls_not_distinct=True)
    op.create_table_comment(TABLE, "Sums of the hour facts by project_id; written with the facts.", schema="warehouse")
    # In the words in which the views show it.
    op.execute(f"CREATE STATISTICS warehouse.st_{TABLE}_endpoint ON (endpoint::varchar(64)) FROM warehouse.{TABLE}")
    # To the driver a percent sign would begin a parameter.
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0013_rights.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    op.drop_table(TABLE, schema="warehouse")
