"""Who gets which team's reports by mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "report_recipients",
        sa.Column("team", sa.Text(), nullable=False, comment="Role of the team, as meterhouse grant-team made it."),
        sa.Column("mail", sa.Text(), nullable=False, comment="Address that the team's reports are sent to."),
        sa.Column(
            "imported_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the file was imported.",
        ),
        sa.PrimaryKeyConstraint("team", "mail", name=op.f("pk_report_recipients")),
        schema="warehouse",
        comment="One row per team and address that its reports are sent to.",
    )


def downgrade() -> None:
    op.drop_table("report_recipients", schema="warehouse")
