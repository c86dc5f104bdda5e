"""Derived names: the columns of `dim_model` and `dim_line_item` that come from their words, written by loads and again by every migration.

Rules change with a version, words do not: no other table is touched, and what is right already is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from meterhouse.vendors.openai.categories import category_note, category_of
from meterhouse.vendors.openai.line_items import parse_line_item
from meterhouse.vendors.openai.names import canonical_model, model_family
from meterhouse.warehouse.schema import WAREHOUSE

Cursor = psycopg.Cursor[Any]
Row = tuple[Any, ...]

_MODEL = ("model", "model_family", "canonical_model")
_LINE_ITEM = (
    "line_item", "quantity_unit", "tier", "surface", "model", "modality", "direction", "context_band", "feature", "is_parsed", "category",
    "category_note",
)  # fmt: skip
_NAMED = (
    "SELECT model FROM warehouse.dim_line_item WHERE model IS NOT NULL UNION SELECT model FROM warehouse.dim_group WHERE model IS NOT NULL"
)


def model_row(model: str) -> Row:
    """Return a row of `dim_model`."""
    return (model, model_family(model), canonical_model(model))


def line_item_row(text: str, quantity_unit: str | None) -> Row:
    """Return a row of `dim_line_item`; the unit is that of the line's quantities, None while it is not known."""
    item = parse_line_item(text)
    category = category_of(item, quantity_unit)
    parts = (item.tier, item.surface, item.model, item.modality, item.direction, item.context_band, item.feature, item.is_parsed)
    return (text, quantity_unit, *parts, str(category), category_note(item, category))


def keep_line_items(cursor: Cursor, units: Mapping[str, str | None]) -> None:
    """Store the line items that are new, with their models, and the unit of those that had none; in one order, so loaders cannot deadlock.

    `units` has the unit by line item. The first unit that came with a line stays.
    """
    rows = [line_item_row(text, unit) for text, unit in sorted(units.items())]
    cursor.executemany(_insert("dim_line_item", _LINE_ITEM), rows)
    cursor.executemany(
        SQL("{} AND l.quantity_unit IS NULL").format(_update("dim_line_item", _LINE_ITEM)),
        [(*row[1:], row[0]) for row in rows if row[1] is not None],
    )
    keep_models(cursor, {model for row in rows if (model := row[_LINE_ITEM.index("model")]) is not None})


def keep_models(cursor: Cursor, models: Iterable[str]) -> None:
    """Store the models that are new; in one order, so loaders cannot deadlock."""
    cursor.executemany(_insert("dim_model", _MODEL), [model_row(model) for model in sorted(models)])


def derive_again(connection: psycopg.Connection[Any]) -> int:
    """Bring what this version reads from the stored words up to date; return the rows written."""
    with connection.cursor() as cursor:
        written = _derive(cursor, "dim_line_item", _LINE_ITEM, 2, line_item_row)
        named = cursor.execute(_NAMED).fetchall()
        keep_models(cursor, [model for (model,) in named])
        return written + _derive(cursor, "dim_model", _MODEL, 1, model_row)


def _derive(cursor: Cursor, table: str, columns: tuple[str, ...], given: int, row_of: Any) -> int:
    """Update the rows that differ from what `row_of` makes of their first `given` columns."""
    query = SQL("SELECT {} FROM {}").format(SQL(", ").join(map(Identifier, columns)), Identifier(WAREHOUSE, table))
    stale = [row for stored in cursor.execute(query).fetchall() if (row := row_of(*stored[:given])) != tuple(stored)]
    cursor.executemany(_update(table, columns), [(*row[1:], row[0]) for row in sorted(stale)])
    return len(stale)


def _insert(table: str, columns: tuple[str, ...]) -> Composed:
    return SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
        Identifier(WAREHOUSE, table), SQL(", ").join(map(Identifier, columns)), SQL(", ").join(SQL("%s") for _ in columns)
    )


def _update(table: str, columns: tuple[str, ...]) -> Composed:
    """Of one row, found by its first column, which is the last parameter."""
    assignments = SQL(", ").join(SQL("{} = %s").format(Identifier(name)) for name in columns[1:])
    return SQL("UPDATE {} l SET {} WHERE l.{} = %s").format(Identifier(WAREHOUSE, table), assignments, Identifier(columns[0]))
