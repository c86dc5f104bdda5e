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
from typing import Any, NamedTuple

import psycopg

from meterhouse.catalogue.endpoints import FREE_SERVICE_TIERS
from meterhouse.warehouse.last_step import last_step

# Part of what a day was allocated from: with other rules every day is allocated again.
RULES = "2"
# Why a line is nobody's until the usage of its day is settled, or loaded: it waits, even in a closed month.
WAITING = ("usage_not_loaded", "usage_not_settled")
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
    "replace_month",
)


class StaleDay(NamedTuple):
    """A day that is not allocated from what is stored, and the state of its sources; of a closed day perhaps only lines that wait."""

    usage_date: date
    sources: str
    only_waiting: bool


def allocate(connection: psycopg.Connection[Any], organization_id: int) -> int:
    """Bring the allocation of an organization's costs up to date, month by month; return how many days were allocated.

    One `last_step` per month: a load that commits meanwhile is allocated whole next time.
    """
    done = 0
    months = [month for month, _ in _by_month(_stale_days(connection, organization_id))]
    for month in months:
        with last_step(connection, "ops.allocated_days"):
            days = dict(_by_month(_stale_days(connection, organization_id))).get(month, [])
            done += _allocate_month(connection, organization_id, days)
    return done


def _allocate_month(connection: psycopg.Connection[Any], organization_id: int, days: Sequence[StaleDay]) -> int:
    """Allocate days of one calendar month, and add up the month; return of how many of them there was anything to allocate."""
    organization = {"organization_id": organization_id, "waiting": list(WAITING)}
    partly = [one.usage_date for one in days if one.only_waiting]
    waiting = {day for (day,) in connection.execute(_sql("waiting_days"), organization | {"days": partly})} if partly else set()
    found = [one.usage_date for one in days if not one.only_waiting or one.usage_date in waiting]
    if found:
        parameters = organization | {
            "days": found,
            "waiting_days": sorted(waiting),
            "start": _midnight(min(found)),
            "end": _midnight(max(found)) + timedelta(days=1),
            "month_start": min(found).replace(day=1),
            "free_tiers": list(FREE_SERVICE_TIERS),
        }
        connection.execute(_sql("tables"))
        for step in _STEPS:
            connection.execute(_sql(step), parameters)
    remembered = {"days": [one.usage_date for one in days], "sources": [one.sources for one in days]}
    connection.execute(_sql("remember_days"), organization | remembered)
    return len(found)


def stale_days_query() -> str:
    """Return the query for days that are not allocated from what is stored: (organization_id, usage_date, sources, only_waiting)."""
    return _sql("stale_days").decode()


def stale_days_parameters(organization_ids: Sequence[int]) -> dict[str, object]:
    """Return the parameters of that query for some organizations."""
    return {"organizations": list(organization_ids), "rules": RULES}


def _stale_days(connection: psycopg.Connection[Any], organization_id: int) -> list[StaleDay]:
    found = connection.execute(_sql("stale_days"), stale_days_parameters([organization_id]))
    return [StaleDay(*row) for _, *row in found.fetchall()]


def _by_month(days: Sequence[StaleDay]) -> list[tuple[date, list[StaleDay]]]:
    return [(month, list(found)) for month, found in groupby(days, key=lambda found: found.usage_date.replace(day=1))]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@cache
def _sql(name: str) -> bytes:
    return resources.files("meterhouse.warehouse").joinpath("sql", "allocation", f"{name}.sql").read_bytes()
