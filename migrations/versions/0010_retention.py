"""Hours and minutes may be dropped after a while: the functions by which the loader empties a month and gives its space back."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"


def upgrade() -> None:
    # To the driver a percent sign would begin a parameter.
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0010_retention.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute("DROP FUNCTION warehouse.compact_partition(text, date)")
    op.execute("DROP FUNCTION warehouse.empty_partition(text, date, timestamptz, timestamptz)")
    op.execute("DROP FUNCTION warehouse.partition_of(text, date)")
