"""Which server session a run was connected to: one that still runs is not taken for one that stopped."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "run_log",
        sa.Column(
            "server_session",
            sa.Text(),
            nullable=True,
            comment="Server process that the run was connected to, and when that began: whether it still runs.",
        ),
        schema="ops",
    )


def downgrade() -> None:
    op.drop_column("run_log", "server_session", schema="ops")
