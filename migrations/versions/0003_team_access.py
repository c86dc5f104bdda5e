"""Which team may see which projects, the group role of teams, and the schema of their views."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"


def upgrade() -> None:
    op.create_table(
        "team_access",
        sa.Column("role_name", sa.Text(), nullable=False, comment="Role of the team."),
        sa.Column("organization", sa.Text(), nullable=False, comment="Label of the organization."),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Project that the team may see; null for the whole organization."),
        sa.Column(
            "granted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False, comment="When it was granted."
        ),
        sa.UniqueConstraint(
            "role_name",
            "organization",
            "project_id",
            name=op.f("uq_team_access_role_name_organization_project_id"),
            postgresql_nulls_not_distinct=True,
        ),
        schema="ops",
        comment="One row per team role and project that it may see in bi_team.",
    )
    # To the driver a percent sign would begin a parameter.
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0003_team_access.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    # The role stays: it belongs to the whole server, and teams are members of it.
    op.execute("DROP SCHEMA IF EXISTS bi_team CASCADE")
    op.drop_table("team_access", schema="ops")
