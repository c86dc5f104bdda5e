"""Each month of facts says which days it has in the words of the views: a question of some days reads the months that these lie in."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"


def run_file(name: str) -> None:
    """Run a .sql file as it is; to the driver a percent sign would begin a parameter."""
    op.get_bind().exec_driver_sql((SQL_FOLDER / name).read_text().replace("%", "%%"))


def upgrade() -> None:
    run_file("0012_ensure_partition.sql")
    run_file("0012_months.sql")


def downgrade() -> None:
    run_file("0012_down.sql")
    run_file("0001_ensure_partition.sql")
