"""List prices kept: the table of list prices made equal to the package's file by every migration; what is equal is not written."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from meterhouse.accounting.list_prices import COLUMNS, ListPrice, list_prices
from meterhouse.accounting.price_classes import price_class
from meterhouse.warehouse.schema import WAREHOUSE

_DERIVED = ("subject", "price_class")


def keep_list_prices(connection: psycopg.Connection[Any]) -> int:
    """Write the prices that differ from the stored ones; return how many rows were added or removed."""
    names = (*COLUMNS, *_DERIVED)
    columns, holes = SQL(", ").join(map(Identifier, names)), SQL(", ").join(SQL("%s") for _ in names)
    table = Identifier(WAREHOUSE, "list_price")
    with connection.cursor() as cursor:
        stored = {row[1:]: row[0] for row in cursor.execute(SQL("SELECT list_price_id, {} FROM {}").format(columns, table)).fetchall()}
        wanted = dict.fromkeys(map(_row, list_prices()))
        gone = [[key] for row, key in stored.items() if row not in wanted]
        new = [row for row in wanted if row not in stored]
        cursor.executemany(SQL("DELETE FROM {} WHERE list_price_id = %s").format(table), gone)
        cursor.executemany(SQL("INSERT INTO {} ({}) VALUES ({})").format(table, columns, holes), new)
    return len(gone) + len(new)


def _row(price: ListPrice) -> tuple[Any, ...]:
    return (*astuple(price), price.model or price.feature, price_class(price.unit, price.direction, price.modality))
