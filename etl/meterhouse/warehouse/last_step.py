"""Last step: the transaction of whatever is worked out from costs at the end of a load. Each sees one moment, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from meterhouse.warehouse.rollups import WITHOUT_STATISTICS


@contextmanager
def last_step(connection: psycopg.Connection[Any], table: str) -> Iterator[None]:
    """One transaction in which all that is read is of one moment, and is planned without statistics, which may be older than the load.

    It waits for another one with the same `table`, by its name with schema, and holds up no load: one that commits meanwhile is seen by
    the step behind its own end. The connection must be in autocommit mode.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        # Before the first query, which says what moment is seen: after the wait it is one that the other's rows are part of.
        connection.execute(SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(Identifier(*table.split("."))))
        connection.execute(WITHOUT_STATISTICS)
        yield
