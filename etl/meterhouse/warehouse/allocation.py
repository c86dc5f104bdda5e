"""Allocation: whose each billed cent is, day by day, brought up to date where costs or usage have changed since it was last found out.

Data flow of one month: days whose sources differ from those they were allocated from -> pieces that the vendor bills by user, spread as
it says -> everything else, spread by what was used -> the parts replace those of the days -> the month's sums. The rules: sql/allocation.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import resources
from itertools import groupby
from typing import Any

import psycopg

from meterhouse.catalogue.endpoints import FREE_SERVICE_TIERS
from meterhouse.warehouse.last_step import last_step

# Part of what a day was allocated from: with other rules every day is allocated again.
RULES = "2"
_STEPS = (
    "billed_by_user",
    "spread",
    "lines",
    "usage",
    "shares_by_line",
    "shares_by_model",
    "shares_by_project",
    "shares_by_owner",
    "spread",
    "replace_days",
    "remember_days",
    "replace_month",
)


def allocate(connection: psycopg.Connection[Any], organization_id: int) -> int:
    """Bring the allocation of an organization's costs up to date, month by month; return how many days were allocated.

    One `last_step` per month: a load that commits meanwhile is allocated whole next time.
    """
    done = 0
    months = [month for month, _ in _by_month(_stale_days(connection, organization_id))]
    for month in months:
        with last_step(connection, "ops.allocated_days"):
            days = dict(_by_month(_stale_days(connection, organization_id))).get(month, [])
            if days:
                allocate_days(connection, organization_id, days)
                done += len(days)
    return done


def allocate_days(connection: psycopg.Connection[Any], organization_id: int, days: Sequence[tuple[date, str]]) -> None:
    """Allocate days of one calendar month, each with the state of its sources, and add up the month. Belongs into a `last_step`."""
    first, last = min(days)[0], max(days)[0]
    parameters = {
        "organization_id": organization_id,
        "days": [day for day, _ in days],
        "sources": [sources for _, sources in days],
        "start": _midnight(first),
        "end": _midnight(last) + timedelta(days=1),
        "month_start": first.replace(day=1),
        "free_tiers": list(FREE_SERVICE_TIERS),
    }
    connection.execute(_sql("tables"))
    for step in _STEPS:
        connection.execute(_sql(step), parameters)


def stale_days_query() -> str:
    """Return the query for days that are not allocated from what is stored: (organization_id, usage_date, sources)."""
    return _sql("stale_days").decode()


def stale_days_parameters(organization_ids: Sequence[int]) -> dict[str, object]:
    """Return the parameters of that query for some organizations."""
    return {"organizations": list(organization_ids), "rules": RULES}


def _stale_days(connection: psycopg.Connection[Any], organization_id: int) -> list[tuple[date, str]]:
    found = connection.execute(_sql("stale_days"), stale_days_parameters([organization_id]))
    return [(day, sources) for _, day, sources in found.fetchall()]


def _by_month(days: Sequence[tuple[date, str]]) -> list[tuple[date, list[tuple[date, str]]]]:
    return [(month, list(found)) for month, found in groupby(days, key=lambda found: found[0].replace(day=1))]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@cache
def _sql(name: str) -> bytes:
    return resources.files("meterhouse.warehouse").joinpath("sql", "allocation", f"{name}.sql").read_bytes()
