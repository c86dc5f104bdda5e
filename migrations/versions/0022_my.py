"""A schema for tables of the customer's own, next to the views: made once, and theirs from then on."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"


def upgrade() -> None:
    # Its role gets it with the rights, behind the migrations: see warehouse/sql/my.sql.
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0022_my.sql").read_text())


def downgrade() -> None:
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0022_down.sql").read_text())
