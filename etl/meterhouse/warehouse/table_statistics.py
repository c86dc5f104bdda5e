"""Table statistics: have the server gather what it plans queries by; on its own it never looks at past months."""

from __future__ import annotations

from importlib import resources

from meterhouse.warehouse.database import Connection
from meterhouse.warehouse.tables import TABLES


def gather(connection: Connection, *, every_table: bool) -> list[str]:
    """Analyze every table of the warehouse, or those with rows that the server knows nothing of; return their names with schema.

    `connection` is the owner's or a superuser's, in autocommit.
    """
    tables = [table.fullname for table in TABLES.sorted_tables] if every_table else _without(connection)
    for table in tables:
        connection.execute(f"ANALYZE {table}".encode())
    return tables


def _without(connection: Connection) -> list[str]:
    query = resources.files("meterhouse.warehouse").joinpath("sql", "without_statistics.sql").read_bytes()
    return [str(name) for (name,) in connection.execute(query)]
