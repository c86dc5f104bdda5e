"""Which view answers which part of a choice: totals if they keep everything that is chosen, otherwise rows. Pure.

Totals by one dimension know nothing about the others, so a choice of a model cannot be answered from totals by key. Hours are used only for
charts over time: totals come from days, unless only hours are loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from meterhouse.dashboard.filters import Filters

USAGE_GRAINS = frozenset({"bucket", "model and project", "api key", "user", "total"})
COST_GRAINS = frozenset({"day", "day and model", "line item", "category", "project", "api key", "user", "total"})

UsageRows = Literal["day", "hour", "day of hours"]


@dataclass(frozen=True)
class Source:
    """A statement of sql/dashboard, the grains that are taken from its rows, and the rows of usage that it reads."""

    statement: str
    grains: frozenset[str]
    rows: UsageRows = "day"


@dataclass(frozen=True)
class Places:
    """The values of the calls of schema `place` in a statement."""

    usage_rows: str
    bucket: str
    cost_rows: str
    costs: str
    unknown_costs: str
    has_chosen_model: str
    has_chosen_caller: str
    known_usage: str
    is_chosen_usage: str


@dataclass(frozen=True)
class _Sums:
    statement: str
    grains: frozenset[str]
    unknown: frozenset[str]


_USAGE_ROWS = {
    "day": ("usage_daily", "u.usage_date::timestamp"),
    "hour": ("usage_hourly", "u.bucket_start_utc"),
    "day of hours": ("usage_hourly", "u.usage_date::timestamp"),
}


def _chosen(column: str, parameter: str) -> str:
    return f"(%({parameter})s::text [] IS NULL OR coalesce({column}, '') = ANY (%({parameter})s::text []))"


_MODEL = _chosen("c.model", "models")
_SUMS_UNKNOWN = "sum(c.rows_without_cost)::bigint"
_ROWS_UNKNOWN = "count(*) FILTER (WHERE c.cost IS NULL)"
_KEY, _USER = _chosen("c.api_key_id", "api_keys"), _chosen("c.user_id", "users")
# Only its allocation says whose a billed amount is, once its day is settled.
_COST_PARTS = ("cost_allocation_daily", "cost_allocation_daily", _ROWS_UNKNOWN, _MODEL, f"c.is_complete AND {_KEY} AND {_USER}")
_COST_ROWS = ("costs_daily", "costs_daily", _ROWS_UNKNOWN, _MODEL, _KEY)
_COST_SUMS = ("costs_daily", "costs_daily_by_line_item", _SUMS_UNKNOWN, _MODEL, "true")
_PROJECT_SUMS = ("costs_daily", "costs_daily_by_project", _SUMS_UNKNOWN, "true", "true")
_ALL_ROWS = " AND ".join((_chosen("u.model", "models"), _chosen("u.api_key_id", "api_keys"), _chosen("u.user_id", "users")))
PLAIN = Places(*_USAGE_ROWS["day"], *_COST_SUMS, _USAGE_ROWS["day"][0], _ALL_ROWS)

_TOLD_APART = {
    "models": ("usage_daily_by_model", "u.model"),
    "api_keys": ("usage_daily_by_api_key", "u.api_key_id"),
    "users": ("usage_daily_by_user", "u.user_id"),
}
_USAGE = (
    _Sums("usage_by_model", frozenset({"bucket", "model and project", "total"}), frozenset({"api_keys", "users"})),
    _Sums("usage_by_api_key", frozenset({"api key"}), frozenset({"models", "users"})),
    _Sums("usage_by_user", frozenset({"user"}), frozenset({"models", "api_keys"})),
)
_HOURS = (_Sums("usage_by_hour", frozenset({"bucket"}), frozenset({"models", "api_keys", "users"})),)
_COSTS = (
    _Sums("costs_by_line_item", COST_GRAINS - {"api key", "user"}, frozenset({"api_keys", "users"})),
    _Sums("costs_by_api_key", frozenset({"api key"}), frozenset({"models", "users"})),
    _Sums("costs_by_user", frozenset({"user"}), frozenset()),
)


def usage_sources(filters: Filters, *, only_hours: bool = False) -> list[Source]:
    """Return the statements that together answer every grain of usage once. Sums of hours know only projects."""
    if only_hours:
        return [Source("usage", USAGE_GRAINS, "hour" if filters.width == "hour" else "day of hours")]
    if filters.width == "day":
        return _sources(_USAGE, "usage", USAGE_GRAINS, filters)
    of_days = _sources(_USAGE, "usage", USAGE_GRAINS - {"bucket"}, filters)
    return [*of_days, *_sources(_HOURS, "usage_rows_by_hour", frozenset({"bucket"}), filters)]


def cost_sources(filters: Filters) -> list[Source]:
    """Return the statements that together answer every grain of costs once."""
    return _sources(_COSTS, "costs", COST_GRAINS, filters)


def _sources(sums: tuple[_Sums, ...], rows: str, grains: frozenset[str], filters: Filters) -> list[Source]:
    usable = [Source(one.statement, one.grains & grains) for one in sums if not any(getattr(filters, name) for name in one.unknown)]
    left = grains.difference(*(source.grains for source in usable))
    return [*usable, *([Source(rows, left)] if left else [])]


def places(filters: Filters, rows: UsageRows = "day") -> Places:
    """Return the values of the calls of schema `place` for a choice: views, and how each says its bucket or what it has not."""
    costs = _COST_PARTS if filters.users else _COST_ROWS if filters.api_keys else _COST_SUMS if filters.models else _PROJECT_SUMS
    return Places(*_USAGE_ROWS[rows], *costs, *_known_usage(filters, rows))


def _known_usage(filters: Filters, rows: UsageRows) -> tuple[str, str]:
    """The view with the fewest rows of which one is there whenever a chosen row is, and its conditions on what it tells apart."""
    chosen = [name for name in _TOLD_APART if getattr(filters, name)]
    if rows != "day" or len(chosen) > 1:
        return _USAGE_ROWS[rows][0], _ALL_ROWS
    if not chosen:
        return "usage_daily_by_model", "true"
    view, column = _TOLD_APART[chosen[0]]
    return view, _chosen(column, chosen[0])
