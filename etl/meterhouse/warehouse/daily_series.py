"""Daily series of an organization, read from the totals by day; those of teams from the allocation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import psycopg

from meterhouse.accounting.daily_series import DailySeries, SeriesKind


def settled_days(connection: psycopg.Connection[Any], organization_id: int, first: date, last: date) -> frozenset[date]:
    """Return the UTC days from `first` to `last` whose costs are settled."""
    found = connection.execute(_sql("settled_days"), _range(organization_id, first, last)).fetchall()
    return frozenset(day for (day,) in found)


def read_daily_series(
    connection: psycopg.Connection[Any], organization_id: int, kinds: Iterable[SeriesKind], first: date, last: date
) -> list[DailySeries]:
    """Return the series of some kinds, in the order of kind, key and currency, with the UTC days from `first` to `last`.

    Members without any row in these days have no series. Teams have some only if the allocation of the days is up to date and
    assignments of teams were imported. Call it in one transaction of REPEATABLE READ if days and amounts must be of one moment.
    """
    asked = _range(organization_id, first, last)
    settled = settled_days(connection, organization_id, first, last)
    return [
        DailySeries(organization_id, kind, key, project_id, currency, dict(zip(days, costs, strict=True)), settled)
        for kind in kinds
        for key, project_id, currency, days, costs in connection.execute(_series(kind), asked).fetchall()
    ]


def _range(organization_id: int, first: date, last: date) -> dict[str, object]:
    return {"organization_id": organization_id, "first": first, "last": last}


@cache
def _series(kind: SeriesKind) -> bytes:
    return _sql("series").replace(b"place.rows_of_kind()", b"(" + _sql(kind.value) + b")")


def _sql(name: str) -> bytes:
    return resources.files("meterhouse.warehouse").joinpath("sql", "daily_series", f"{name}.sql").read_bytes()
