"""The digest of each bucket's text: a bucket that is answered as it is stored is neither decoded nor compared."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "coverage",
        sa.Column(
            "content_digest",
            sa.LargeBinary(),
            nullable=True,
            comment="Digest of the bucket's text in the vendor's answer; null when the text alone does not say what its rows are.",
        ),
        schema="ops",
    )


def downgrade() -> None:
    op.drop_column("coverage", "content_digest", schema="ops")
