"""What the invented organization itself says of the cookbook's questions, and the cookbook's days."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.postgres.loaded_organization import LoadedOrganization

NOW = datetime(2026, 11, 20, 12, 9, tzinfo=UTC)
# October is over; September is there to compare with.
FIRST, OCTOBER, NOVEMBER = date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)
Amounts = dict[Any, Decimal]


def projects(loaded: LoadedOrganization) -> list[str]:
    """Identifiers of the projects, the one that cost most first."""
    cost = truth(loaded, OCTOBER, NOVEMBER, "project_id")
    return sorted((one for one in cost if one), key=lambda one: -cost[one])


def keys(loaded: LoadedOrganization) -> list[str]:
    cost = truth(loaded, OCTOBER, NOVEMBER, "api_key_id")
    return sorted((one for one in cost if one), key=lambda one: -cost[one])


def truth(loaded: LoadedOrganization, first: date, end: date, dimension: str | None = None) -> Amounts:
    """What the organization itself says was billed, by one dimension or in all."""
    found: Amounts = defaultdict(Decimal)
    for key, totals in loaded.fake.truth("costs", first, end, [dimension] if dimension else []).items():
        found[key[1] if dimension else None] += Decimal(totals["amount"])
    return found


def added(found: list[tuple[Any, ...]]) -> Amounts:
    """Sums of the last column by the first."""
    sums: Amounts = defaultdict(Decimal)
    for name, *_, amount in found:
        sums[name] += amount or 0
    return sums


def allocated(loaded: LoadedOrganization, name: str, first: str = "2026-10-01", end: str = "2026-11-01") -> Amounts:
    """Parts of the bill row by row, added up here."""
    view = "FROM bi.cost_allocation_daily WHERE currency = 'usd' AND usage_date >= %s AND usage_date < %s"
    return added(loaded.read(f"SELECT {name}, cost {view}", (first, end)))


def by(found: list[dict[str, Any]], name: str, measure: str = "cost") -> Amounts:
    """An answer as amounts by name, which must be as many as its rows unless names repeat."""
    return added([(row[name], row[measure]) for row in found])


def compared(loaded: LoadedOrganization) -> tuple[date, date]:
    """The first days of both months that count no more: the last settled day is the one before yesterday."""
    end = loaded.today - timedelta(days=1)
    return end, end.replace(month=10)


def truth_by_day(loaded: LoadedOrganization, first: date, end: date) -> Amounts:
    found: Amounts = defaultdict(Decimal)
    for (day,), totals in loaded.fake.truth("costs", first, end).items():
        found[day] += Decimal(totals["amount"])
    return found
