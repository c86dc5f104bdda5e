"""Costs added up by project, and how often each endpoint occurs: questions of a year read few rows, and are planned by what there is."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"
# In the words in which the views show the endpoint. Without it the planner takes an endpoint for one combination in two hundred, and looks
# the rows of each combination up through the key of every month.
WITH_ENDPOINT = ("dim_group", "rollup_usage_by_model", "rollup_usage_by_api_key", "rollup_usage_by_user")


def upgrade() -> None:
    # It is filled once all migrations are done, by the code that will keep it.
    op.create_table(
        "rollup_costs_by_project",
        sa.Column("usage_date", sa.Date(), nullable=False, comment="UTC day."),
        sa.Column("organization_id", sa.Integer(), nullable=False, comment="Organization that the row belongs to."),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Identifier of the project that the usage belongs to."),
        sa.Column("currency", sa.Text(), nullable=True, comment="Currency of the amounts."),
        sa.Column("row_count", sa.Integer(), nullable=False, comment="Rows of the facts that were added up."),
        sa.Column("rows_without_cost", sa.Integer(), nullable=False, comment="Rows whose amount the vendor left out."),
        sa.Column("amount", sa.Numeric(), nullable=True, comment="Billed amounts, with every digit. Unit: units of currency."),
        sa.Column(
            "cost",
            sa.Numeric(),
            nullable=True,
            comment="The same, of amounts rounded to twelve decimals as the views show them. Unit: units of currency.",
        ),
        sa.UniqueConstraint(
            "usage_date", "organization_id", "project_id", "currency", name="uq_rollup_costs_by_project", postgresql_nulls_not_distinct=True
        ),
        schema="warehouse",
        comment="Sums of the day facts by project_id; written with the facts.",
    )
    for table in WITH_ENDPOINT:
        op.execute(f"CREATE STATISTICS warehouse.st_{table}_endpoint ON (endpoint::varchar(64)) FROM warehouse.{table}")
        op.execute(f"ANALYZE warehouse.{table}")
    # To the driver a percent sign would begin a parameter.
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0011_rights.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    for table in WITH_ENDPOINT:
        op.execute(f"DROP STATISTICS warehouse.st_{table}_endpoint")
    op.drop_table("rollup_costs_by_project", schema="warehouse")
