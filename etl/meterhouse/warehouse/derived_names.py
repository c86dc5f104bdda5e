"""Derived names: the columns of `dim_model` and `dim_line_item` that come from their words, written by loads and again by every migration.

Rules change between versions, words do not: no other table is touched, and what is already right is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from meterhouse.catalogue.vendors import OPENAI
from meterhouse.vendors.words import words_of
from meterhouse.warehouse.schema import WAREHOUSE

Cursor = psycopg.Cursor[Any]
Row = tuple[Any, ...]

_MODEL = ("model", "model_family", "canonical_model")
_LINE_ITEM = (
    "line_item", "quantity_unit", "tier", "surface", "model", "modality", "direction", "context_band", "feature", "is_parsed", "category",
    "category_note", "usage_endpoint", "usage_quantity", "unallocated_reason",
)  # fmt: skip
# Whose words they are says the organization that they came from; words that no organization has any more are the first vendor's.
_LINE_ITEMS_OF_VENDORS = """
SELECT g.line_item, min(o.vendor)
FROM warehouse.dim_cost_group g JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id
WHERE g.line_item IS NOT NULL
GROUP BY g.line_item
"""
_MODELS_OF_VENDORS = """
SELECT m.model, coalesce(min(m.vendor), %(first)s)
FROM (
    SELECT g.model, o.vendor FROM warehouse.dim_group g JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id
    UNION ALL
    SELECT l.model, o.vendor
    FROM warehouse.dim_line_item l
    LEFT JOIN warehouse.dim_cost_group g ON g.line_item = l.line_item
    LEFT JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id
) m
WHERE m.model IS NOT NULL
GROUP BY m.model
"""


def model_row(model: str, vendor: str) -> Row:
    """Return a row of `dim_model`."""
    words = words_of(vendor)
    return (model, words.model_family(model), words.canonical_model(model))


def line_item_row(text: str, quantity_unit: str | None, vendor: str) -> Row:
    """Return a row of `dim_line_item`; the unit is that of the line's quantities, None while it is not known."""
    return (text, quantity_unit, *astuple(words_of(vendor).line_item(text, quantity_unit)))


def keep_line_items(cursor: Cursor, units: Mapping[str, str | None], vendor: str) -> None:
    """Store the line items that are new, with their models, and the unit of those that had none; in one order, so loaders cannot deadlock.

    `units` has the unit by line item. The first unit that came with a line stays.
    """
    rows = [line_item_row(text, unit, vendor) for text, unit in sorted(units.items())]
    cursor.executemany(_insert("dim_line_item", _LINE_ITEM), rows)
    cursor.executemany(
        SQL("{} AND l.quantity_unit IS NULL").format(_update("dim_line_item", _LINE_ITEM)),
        [(*row[1:], row[0]) for row in rows if row[1] is not None],
    )
    keep_models(cursor, {model for row in rows if (model := row[_LINE_ITEM.index("model")]) is not None}, vendor)


def keep_models(cursor: Cursor, models: Iterable[str], vendor: str) -> None:
    """Store the models that are new; in one order, so loaders cannot deadlock."""
    cursor.executemany(_insert("dim_model", _MODEL), [model_row(model, vendor) for model in sorted(models)])


def derive_again(connection: psycopg.Connection[Any]) -> int:
    """Bring what this version reads from the stored words up to date; return the rows written."""
    with connection.cursor() as cursor:
        vendors: dict[str, str] = dict(cursor.execute(_LINE_ITEMS_OF_VENDORS).fetchall())

        def line_item(text: str, quantity_unit: str | None) -> Row:
            return line_item_row(text, quantity_unit, vendors.get(text, OPENAI.name))

        written = _derive(cursor, "dim_line_item", _LINE_ITEM, 2, line_item)
        models: dict[str, str] = dict(cursor.execute(_MODELS_OF_VENDORS, {"first": OPENAI.name}).fetchall())
        for vendor in sorted(set(models.values())):
            keep_models(cursor, [model for model, its in models.items() if its == vendor], vendor)
        return written + _derive(cursor, "dim_model", _MODEL, 1, lambda model: model_row(model, models.get(model, OPENAI.name)))


def _derive(cursor: Cursor, table: str, columns: tuple[str, ...], given: int, row_of: Callable[..., Row]) -> int:
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
