"""Changes: why the bill of an organization changed, computed again when what was billed on the compared days has changed.

Data flow: settled days -> the days of each comparison (`accounting.cost_comparisons`) -> lines of the bill in both periods, and what of
each is each user's and key's -> the parts of their change replace those stored. The rules: sql/changes, and `accounting.variance`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from hashlib import md5
from importlib import resources
from typing import Any

import psycopg

from meterhouse.accounting.cost_comparisons import CostComparison, cost_comparisons
from meterhouse.accounting.price_units import PRICE_UNITS, UNIT_OF_CATEGORY
from meterhouse.warehouse.last_step import last_step

# Part of what the changes were computed from: by other rules they are computed again.
RULES = "1"


def compare_costs(connection: psycopg.Connection[Any], organization_id: int) -> bool:
    """Bring the changes of an organization's costs up to date, in a `last_step`; return whether they had to be computed again."""
    with last_step(connection, "warehouse.cost_comparisons"):
        days = _settled_days(connection, organization_id)
        comparisons = cost_comparisons(days)
        sources = _digest(connection, comparisons, days)
        if _stored_sources(connection, organization_id) == (sources if comparisons else None):
            return False
        parameters = prepare(connection, organization_id, comparisons)
        for step in ("replace_changes", "replace_comparisons"):
            connection.execute(_sql(step), parameters | {"sources": sources})
        return True


def prepare(connection: psycopg.Connection[Any], organization_id: int, comparisons: Sequence[CostComparison]) -> dict[str, object]:
    """Fill the temporary tables of a comparison, which go with the caller's transaction; return the parameters of the steps behind it."""
    connection.execute(_sql("tables"))
    rows = [
        (one.name, day, is_of_period, len(one.before_days), len(one.days))
        for one in comparisons
        for is_of_period, side in ((True, one.days), (False, one.before_days))
        for day in sorted(side)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO change_day (comparison, usage_date, is_of_period, previous_days, days) VALUES (%s, %s, %s, %s, %s)", rows
        )
    days = sorted({day for _, day, *_ in rows})
    units = [(said, unit.name, factor) for unit in PRICE_UNITS for said, factor in unit.quantity_units]
    parameters: dict[str, object] = {
        "organization_id": organization_id,
        "days": days,
        "starts": [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days],
        "quantity_units": [said for said, _, _ in units],
        "units": [name for _, name, _ in units],
        "factors": [factor for _, _, factor in units],
        "categories": list(UNIT_OF_CATEGORY),
        "units_of_categories": list(UNIT_OF_CATEGORY.values()),
        "reasoned": [one.name for one in comparisons],
        "reasons": [one.reason for one in comparisons],
    }
    for step in ("lines", "parts"):
        connection.execute(_sql(step), parameters)
        # Of tables that are a moment old the server knows nothing.
        connection.execute("ANALYZE change_leaf")
    return parameters


def _settled_days(connection: psycopg.Connection[Any], organization_id: int) -> dict[date, str | None]:
    return dict(connection.execute(_sql("settled_days"), {"organization_id": organization_id}).fetchall())


def _digest(connection: psycopg.Connection[Any], comparisons: Sequence[CostComparison], days: Mapping[date, str | None]) -> str:
    """A digest of all that the changes are made from."""
    said = [RULES, *(connection.execute(_sql("names_digest")).fetchone() or ())]
    for one in comparisons:
        said += [one.name, one.reason]
        said += [f"{day} {days[day]} {day in one.days}" for day in sorted(one.days | one.before_days)]
    return md5("\n".join(map(str, said)).encode(), usedforsecurity=False).hexdigest()


def _stored_sources(connection: psycopg.Connection[Any], organization_id: int) -> str | None:
    query = "SELECT min(c.sources) FROM warehouse.cost_comparisons c WHERE c.organization_id = %s"
    found = connection.execute(query, (organization_id,)).fetchone()
    return found[0] if found else None


@cache
def _sql(name: str) -> bytes:
    return resources.files("meterhouse.warehouse").joinpath("sql", "changes", f"{name}.sql").read_bytes()
