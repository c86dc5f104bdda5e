"""Budget status: that of every budget in each of its periods, judged by the rules of `accounting.budgets` and kept for the views.

Data flow: budgets and the days whose costs were read -> periods that are current, or whose days, team or budget changed since they were
last judged -> what their settled days cost (daily series; sql/budgets/callers.sql) and what the forecast adds -> warehouse.budget_periods.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

import psycopg

from meterhouse.accounting.budgets import NO_FORECAST, Budget, Expected, Judgement, Period, Scope, Span, Spent, judged, spans
from meterhouse.accounting.daily_series import SeriesKind
from meterhouse.warehouse.daily_series import read_daily_series
from meterhouse.warehouse.last_step import last_step

_NOTHING = Decimal(0)
_SERIES = {
    Scope.ORGANIZATION: SeriesKind.ORGANIZATION,
    Scope.PROJECT: SeriesKind.PROJECT,
    Scope.TEAM: SeriesKind.TEAM,
}
_WHY_NOT = {
    "no_history": f"{NO_FORECAST}: it has less than seven days of costs",
    "not_settled": f"{NO_FORECAST}: a day that it needs is not settled",
    "amount_unknown": f"{NO_FORECAST}: an amount that it needs is missing",
}
# Part of what a period was judged by: with other rules every period is judged again.
RULES = "1"
_BUDGETS = """
SELECT b.budget_id, o.label, b.budget, b.scope_kind, b.scope_key, b.currency, b.period, b.amount, b.thresholds, b.valid_from, b.valid_to
FROM warehouse.budgets b
JOIN warehouse.dim_organization o ON o.organization_id = b.organization_id
WHERE b.organization_id = %s
ORDER BY b.budget, b.valid_from NULLS FIRST
"""
_KEPT = "SELECT budget, period_start, sources, is_current FROM warehouse.budget_periods WHERE organization_id = %s"
_DROP = "DELETE FROM warehouse.budget_periods WHERE organization_id = %s AND budget = %s AND period_start = %s"


@dataclass(frozen=True)
class _Days:
    """The days whose costs were read, oldest first: which of them are settled, and from what each was allocated."""

    settled: dict[date, bool]
    sources: dict[date, str]

    @property
    def first(self) -> date:
        return next(iter(self.settled))

    @property
    def newest_settled(self) -> date | None:
        return next((day for day, is_settled in reversed(self.settled.items()) if is_settled), None)

    @property
    def newest(self) -> date:
        return next(reversed(self.settled))


@dataclass(frozen=True)
class _Wanted:
    """A period of a budget that has to be judged, and the digest of what it is made from."""

    budget_id: int
    budget: Budget
    span: Span
    sources: str


def judge_budgets(connection: psycopg.Connection[Any], organization_id: int) -> int:
    """Bring the status of an organization's budgets up to date, in a `last_step`; return how many periods were judged.

    The forecast of the organization has to be up to date.
    """
    with last_step(connection, "warehouse.budget_periods"):
        budgets = _budgets(connection, organization_id)
        kept = {(name, start): (sources, current) for name, start, sources, current in connection.execute(_KEPT, (organization_id,))}
        if not budgets and not kept:
            return 0
        days = _days(connection, organization_id)
        periods = list(_periods(connection, organization_id, budgets, days)) if days else []
        for name, start in set(kept) - {(one.budget.name, one.span.first) for one in periods}:
            connection.execute(_DROP, (organization_id, name, start))
        stale = [one for one in periods if days and _is_stale(one, days, kept.get((one.budget.name, one.span.first)))]
        if days and stale:
            _judge(connection, organization_id, stale, days)
    return len(stale)


def _is_stale(one: _Wanted, days: _Days, kept: tuple[str, bool] | None) -> bool:
    """Whether a period has to be judged: the forecast of one that is going on, or was, changes without its days."""
    is_current = one.span.first <= days.newest <= one.span.last
    return is_current or kept is None or kept != (one.sources, False)


def _budgets(connection: psycopg.Connection[Any], organization_id: int) -> dict[int, Budget]:
    return {
        row[0]: Budget("", row[1], row[2], Scope(row[3]), row[4], row[5], Period(row[6]), row[7], tuple(row[8]), row[9], row[10])
        for row in connection.execute(_BUDGETS, (organization_id,))
    }


def _days(connection: psycopg.Connection[Any], organization_id: int) -> _Days | None:
    rows = connection.execute(_sql("days"), {"organization_id": organization_id}).fetchall()
    if not rows:
        return None
    return _Days({day: settled for day, settled, _ in rows}, {day: sources or "" for day, _, sources in rows})


def _periods(connection: psycopg.Connection[Any], organization_id: int, budgets: Mapping[int, Budget], days: _Days) -> Iterator[_Wanted]:
    """Yield every period of every budget that any day was read of, with the digest of what it is judged by."""
    owners = _owners(connection, organization_id, budgets.values())
    for budget_id, budget in budgets.items():
        for span in spans(budget, days.first, days.newest):
            read = [f"{day} {sources}" for day, sources in days.sources.items() if span.first <= day <= span.last]
            # Another label of the organization changes nothing of it.
            of = (RULES, replace(budget, organization=""), span, owners.get(budget.scope, ""), *read)
            yield _Wanted(budget_id, budget, span, hashlib.sha256(repr(of).encode()).hexdigest()[:32])


def _owners(connection: psycopg.Connection[Any], organization_id: int, budgets: Collection[Budget]) -> dict[Scope, str]:
    """Return what says whose a cost is, by the scope of budgets that depends on it: who belongs to a team, and whose an address is."""
    asked = {"organization_id": organization_id, "mails": sorted({one.scope_key for one in budgets if one.scope is Scope.USER})}
    queries = {Scope.TEAM: "team_digest", Scope.USER: "mail_digest"}
    return {scope: _value(connection, _sql(queries[scope]), asked) for scope in queries if any(one.scope is scope for one in budgets)}


def _judge(connection: psycopg.Connection[Any], organization_id: int, stale: Sequence[_Wanted], days: _Days) -> None:
    first, last = min(one.span.first for one in stale), max(one.span.last for one in stale)
    costs = _costs(connection, organization_id, {one.budget_id: one.budget for one in stale}, first, last)
    forecasts = _forecasts(connection, organization_id, days)
    for one in stale:
        spent = _spent(one.span, days, costs.get(one.budget_id, {}))
        expected, reason = forecasts.get((one.budget.scope, one.budget.scope_key, one.budget.currency), (None, _no_forecast(one.budget)))
        judgement = judged(one.budget, one.span, spent, expected, reason)
        connection.execute(_sql("replace_periods"), _row(organization_id, one, judgement, days))


_Costs = Mapping[date, Decimal | None]


def _costs(
    connection: psycopg.Connection[Any], organization_id: int, budgets: Mapping[int, Budget], first: date, last: date
) -> dict[int, _Costs]:
    """What every budget's scope cost by day, None for a day of which an amount is missing; a team by the allocation, as its callers."""
    kinds = [_SERIES[scope] for scope in _SERIES if any(budget.scope is scope for budget in budgets.values())]
    series = {(one.kind, one.key, one.currency): one.costs for one in read_daily_series(connection, organization_id, kinds, first, last)}
    found = {
        budget_id: series.get((_SERIES[budget.scope], budget.scope_key, budget.currency), {})
        for budget_id, budget in budgets.items()
        if budget.scope in _SERIES
    }
    callers: dict[int, dict[date, Decimal | None]] = defaultdict(dict)
    parameters = {"organization_id": organization_id, "budget_ids": sorted(set(budgets) - set(found)), "first": first, "last": last}
    for budget_id, day, cost, rows_without_cost in connection.execute(_sql("callers"), parameters):
        callers[budget_id][day] = None if rows_without_cost else cost
    return {**found, **callers}


def _forecasts(
    connection: psycopg.Connection[Any], organization_id: int, days: _Days
) -> dict[tuple[str, str, str], tuple[Expected | None, str]]:
    """What is expected in the month of the newest settled day, by kind, key and currency; without it, why there is no forecast."""
    settled = days.newest_settled
    if settled is None:
        return {}
    parameters = {"organization_id": organization_id, "month_start": settled.replace(day=1)}
    found = {}
    for kind, key, currency, as_of, rest, low_rest, high_rest, reason in connection.execute(_sql("forecasts"), parameters):
        expected = None if rest is None else Expected(as_of, rest, low_rest, high_rest)
        found[kind, key, currency] = (expected, _WHY_NOT.get(reason, NO_FORECAST))
    return found


def _no_forecast(budget: Budget) -> str:
    what = {Scope.API_KEY: "an API key", Scope.USER: "a user"}.get(budget.scope)
    return f"no forecast is made of {what}" if what else NO_FORECAST


def _spent(span: Span, days: _Days, costs: _Costs) -> Spent:
    settled = [day for day, is_settled in days.settled.items() if is_settled and span.first <= day <= span.last]
    if not settled:
        return Spent({}, None)
    known = {day: cost for day in settled if (cost := costs.get(day, _NOTHING)) is not None}
    unknown = (settled[-1] - span.first).days + 1 - len(known)
    return Spent({day: cost for day, cost in known.items() if cost}, settled[-1], unknown)


def _row(organization_id: int, one: _Wanted, judgement: Judgement, days: _Days) -> dict[str, object]:
    budget = one.budget
    return {
        "organization_id": organization_id,
        "budget": budget.name,
        "period_start": one.span.first,
        "period_end": one.span.last,
        "period": budget.period,
        "scope_kind": budget.scope,
        "scope_key": budget.scope_key,
        "currency": budget.currency,
        "budget_cost": budget.amount,
        "thresholds": list(budget.thresholds),
        "spent_cost": judgement.spent,
        "settled_through_date": judgement.settled_through,
        "unknown_days": judgement.unknown_days,
        "used_share": judgement.used_share,
        "expected_cost": judgement.expected,
        "low_cost": judgement.low,
        "high_cost": judgement.high,
        "passes_on_date": judgement.passes_on,
        "state": judgement.state,
        "highest_threshold": judgement.highest_threshold,
        "next_threshold": judgement.next_threshold,
        "reason": judgement.reason,
        "is_current": one.span.first <= days.newest <= one.span.last,
        "sources": one.sources,
    }


def _value(connection: psycopg.Connection[Any], query: bytes, parameters: Mapping[str, object]) -> Any:
    row = connection.execute(query, parameters).fetchone()
    return row[0] if row else None


@cache
def _sql(name: str) -> bytes:
    return resources.files("meterhouse.warehouse").joinpath("sql", "budgets", f"{name}.sql").read_bytes()
