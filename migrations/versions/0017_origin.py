"""Where each covered day came from: the API, or a file that somebody saved before the API stopped reporting the day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default is kept with the column: no row is rewritten.
    op.add_column(
        "coverage",
        sa.Column(
            "origin",
            sa.Text(),
            server_default=sa.text("'api'"),
            nullable=False,
            comment="api; file: and the first 12 digits of the SHA-256 of an imported file; or legacy-api.",
        ),
        schema="ops",
    )


def downgrade() -> None:
    op.drop_column("coverage", "origin", schema="ops")
