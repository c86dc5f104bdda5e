"""One name per model, what each line of the bill is for, and the aliases that people set.

What is derived from the words is written once all migrations are done, by the code that will keep it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"
SURFACE_BEFORE = "Part of the platform before the bar, such as assistants api; derived."
SURFACE_AFTER = "Part of the platform before the bar, such as evals; derived."


def _line_item_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column(
            "quantity_unit", sa.Text(), nullable=True, comment="First unit that came with a quantity of the line; null while none did."
        ),
        sa.Column("tier", sa.Text(), nullable=True, comment="Service tier before the bar, such as priority; derived."),
        sa.Column("context_band", sa.Text(), nullable=True, comment="Part behind the direction, such as long context; derived."),
        sa.Column("feature", sa.Text(), nullable=True, comment="What was billed where it is not tokens of a model; derived."),
        sa.Column("is_parsed", sa.Boolean(), nullable=True, comment="Whether this version knows what every part of the line is; derived."),
        sa.Column(
            "category",
            sa.Text(),
            nullable=True,
            comment="What the line is for, such as text_tokens or tool_calls; derived from the words and the unit.",
        ),
        sa.Column(
            "category_note",
            sa.Text(),
            nullable=True,
            comment="Why the line names no key or no model; null where it names both; derived.",
        ),
    ]


def upgrade() -> None:
    op.add_column(
        "dim_model",
        sa.Column(
            "canonical_model",
            sa.Text(),
            nullable=True,
            comment="Name under which all words for the model are shown, unless an alias says another; derived.",
        ),
        schema="warehouse",
    )
    op.alter_column("dim_line_item", "surface", comment=SURFACE_AFTER, existing_comment=SURFACE_BEFORE, schema="warehouse")
    for column in _line_item_columns():
        op.add_column("dim_line_item", column, schema="warehouse")
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0006_line_item_units.sql").read_text())
    op.create_table(
        "model_alias",
        sa.Column("model", sa.Text(), nullable=False, comment="Word or name of a model, in lower case."),
        sa.Column("shown_as", sa.Text(), nullable=False, comment="Name under which it is shown."),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False, comment="When it was set."),
        sa.PrimaryKeyConstraint("model", name=op.f("pk_model_alias")),
        schema="warehouse",
        comment="One row per model that people want under another name; views look it up when they are read.",
    )
    # To the driver a percent sign would begin a parameter.
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0006_rights.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    op.drop_table("model_alias", schema="warehouse")
    for column in reversed(_line_item_columns()):
        op.drop_column("dim_line_item", column.name, schema="warehouse")
    op.alter_column("dim_line_item", "surface", comment=SURFACE_BEFORE, existing_comment=SURFACE_AFTER, schema="warehouse")
    op.drop_column("dim_model", "canonical_model", schema="warehouse")
