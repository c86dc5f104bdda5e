"""Remember which of the vendor's organizations a label holds, so that another one's key is noticed; and what was reported on which day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Rights on the table cover a new column; nothing is rewritten, as it is null in every row until the next load of costs.
    op.add_column(
        "dim_organization",
        sa.Column(
            "vendor_organization_id",
            sa.Text(),
            nullable=True,
            comment="Identifier that the vendor gives the organization; null until a row of costs has told it.",
        ),
        schema="warehouse",
    )
    op.create_table(
        "alerts",
        sa.Column("problem", sa.Text(), nullable=False, comment="What is wrong, in words that are the same each time it is found."),
        sa.Column("told_on", sa.Date(), nullable=False, comment="UTC day on which people were told."),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False, comment="When they were told."),
        sa.PrimaryKeyConstraint("problem", "told_on", name=op.f("pk_alerts")),
        schema="ops",
        comment="One row per problem and UTC day that people were told of.",
    )


def downgrade() -> None:
    op.drop_table("alerts", schema="ops")
    op.drop_column("dim_organization", "vendor_organization_id", schema="warehouse")
