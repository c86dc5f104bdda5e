"""Which view answers what for a choice: sums by day where they keep everything that is chosen, and rows otherwise. Pure.

The sums of one dimension know nothing of the others, so a choice of a model cannot be answered from the sums by key. Hours draw charts over
time and nothing else: totals are those of days, unless hours are all that is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from meterhouse.dashboard.filters import Filters

USAGE_GRAINS = frozenset({"bucket", "model and project", "api key", "user", "total"})
COST_GRAINS = frozenset({"day", "day and model", "line item", "project", "api key", "total"})

UsageRows = Literal["day", "hour", "day of hours"]


@dataclass(frozen=True)
class Source:
    """A statement of sql/dashboard, the grains that are taken from its rows, and the rows of usage that it reads."""

    statement: str
    grains: frozenset[str]
    rows: UsageRows = "day"


@dataclass(frozen=True)
class Places:
    """What the words in braces stand for in a statement."""

    view: str
    bucket: str
    costs: str
    unknown_costs: str
    has_chosen_model: str
    has_chosen_key: str
    known_usage: str
    is_chosen_usage: str


@dataclass(frozen=True)
class _Sums:
    statement: str
    grains: frozenset[str]
    unknown: frozenset[str]


_USAGE_ROWS = {
    "day": ("bi.usage_daily", "u.usage_date::timestamp"),
    "hour": ("bi.usage_hourly", "u.bucket_start_utc"),
    "day of hours": ("bi.usage_hourly", "u.usage_date::timestamp"),
}


def _chosen(column: str, parameter: str) -> str:
    return f"(%({parameter})s::text [] IS NULL OR coalesce({column}, '') = ANY (%({parameter})s::text []))"


_MODEL = _chosen("c.model", "models")
_SUMS_UNKNOWN = "sum(c.rows_without_cost)::bigint"
_COST_ROWS = ("bi.costs_daily", "count(*) FILTER (WHERE c.cost IS NULL)", _MODEL, _chosen("c.api_key_id", "api_keys"))
_COST_SUMS = ("bi.costs_daily_by_line_item", _SUMS_UNKNOWN, _MODEL, "true")
_PROJECT_SUMS = ("bi.costs_daily_by_project", _SUMS_UNKNOWN, "true", "true")
_ALL_ROWS = " AND ".join((_chosen("u.model", "models"), _chosen("u.api_key_id", "api_keys"), _chosen("u.user_id", "users")))
PLAIN = Places(*_USAGE_ROWS["day"], *_COST_SUMS, _USAGE_ROWS["day"][0], _ALL_ROWS)

_TOLD_APART = {
    "models": ("bi.usage_daily_by_model", "u.model"),
    "api_keys": ("bi.usage_daily_by_api_key", "u.api_key_id"),
    "users": ("bi.usage_daily_by_user", "u.user_id"),
}
_USAGE = (
    _Sums("usage_by_model", frozenset({"bucket", "model and project", "total"}), frozenset({"api_keys", "users"})),
    _Sums("usage_by_api_key", frozenset({"api key"}), frozenset({"models", "users"})),
    _Sums("usage_by_user", frozenset({"user"}), frozenset({"models", "api_keys"})),
)
_COSTS = (
    _Sums("costs_by_line_item", COST_GRAINS - {"api key"}, frozenset({"api_keys"})),
    _Sums("costs_by_api_key", frozenset({"api key"}), frozenset({"models"})),
)


def usage_sources(filters: Filters, *, only_hours: bool = False) -> list[Source]:
    """Return the statements that together answer every grain of usage once. There are no sums of hours."""
    if only_hours:
        return [Source("usage", USAGE_GRAINS, "hour" if filters.width == "hour" else "day of hours")]
    if filters.width == "day":
        return _sources(_USAGE, "usage", USAGE_GRAINS, filters)
    return [*_sources(_USAGE, "usage", USAGE_GRAINS - {"bucket"}, filters), Source("usage_by_hour", frozenset({"bucket"}))]


def cost_sources(filters: Filters) -> list[Source]:
    """Return the statements that together answer every grain of costs once."""
    return _sources(_COSTS, "costs", COST_GRAINS, filters)


def _sources(sums: tuple[_Sums, ...], rows: str, grains: frozenset[str], filters: Filters) -> list[Source]:
    usable = [Source(one.statement, one.grains & grains) for one in sums if not any(getattr(filters, name) for name in one.unknown)]
    left = grains.difference(*(source.grains for source in usable))
    return [*usable, *([Source(rows, left)] if left else [])]


def places(filters: Filters, rows: UsageRows = "day") -> Places:
    """Return what stands in the braces of a statement for a choice: views, and how each says its bucket or what it has not."""
    costs = _COST_ROWS if filters.api_keys else _COST_SUMS if filters.models else _PROJECT_SUMS
    return Places(*_USAGE_ROWS[rows], *costs, *_known_usage(filters, rows))


def _known_usage(filters: Filters, rows: UsageRows) -> tuple[str, str]:
    """The view with the fewest rows of which one is there whenever a chosen row is, and its conditions on what it tells apart."""
    chosen = [name for name in _TOLD_APART if getattr(filters, name)]
    if rows != "day" or len(chosen) > 1:
        return _USAGE_ROWS[rows][0], _ALL_ROWS
    if not chosen:
        return "bi.usage_daily_by_model", "true"
    view, column = _TOLD_APART[chosen[0]]
    return view, _chosen(column, chosen[0])
