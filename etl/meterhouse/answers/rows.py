"""What is read for the answers: rows of the views as they are, typed, money as Decimal; None is unknown. Pure."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from meterhouse import formats

# Unusual days are looked for on as many days up to the last final one.
ODD_DAYS_REACH = 30
# What the parts of a change are called in a sentence, in the order of the view.
EFFECTS = {
    "days_effect": "more or fewer days",
    "volume_effect": "volume",
    "model_mix_effect": "the mix of models",
    "tier_mix_effect": "the mix of tiers",
    "direction_mix_effect": "the mix of input and output",
    "cache_effect": "the cache",
    "price_effect": "prices",
    "new_cost": "new use",
    "gone_cost": "use that ended",
    "restatement_effect": "restatements",
    "credit_effect": "credits",
    "other_effect": "other amounts",
}


@dataclass(frozen=True)
class MonthToDate:
    """`bi.spend_month_to_date` of the newest loaded month, per organization and currency."""

    month_start: date
    organization: str
    currency: str
    settled_cost: Decimal | None
    compared_cost: Decimal | None
    previous_compared_cost: Decimal | None
    previous_month_cost: Decimal | None
    settled_through_date: date | None
    days_in_month: int
    settled_days: int
    compared_days: int
    previous_compared_days: int
    # Final or not; None where only final days are loaded, or that is not known.
    loaded_through_date: date | None = None


@dataclass(frozen=True)
class MonthForecast:
    """`bi.cost_forecast`: the newest forecast of the current month, of an organization or a chosen project."""

    month_start: date
    organization: str
    as_of_date: date
    series_kind: str
    series_key: str
    currency: str
    billed_cost: Decimal | None
    expected_cost: Decimal | None
    low_cost: Decimal | None
    high_cost: Decimal | None
    previous_month_cost: Decimal | None
    origins: int | None
    inside_share: Decimal | None
    days_left: int | None
    reason: str | None


@dataclass(frozen=True)
class ForecastMiss:
    """`bi.forecast_accuracy`: what a month that is over was expected to cost on one of its days, and what it did."""

    month_start: date
    organization: str
    as_of_date: date
    series_kind: str
    series_key: str
    currency: str
    expected_cost: Decimal | None
    actual_cost: Decimal | None
    days_left: int


@dataclass(frozen=True)
class Budget:
    """`bi.budget_status` of the current period."""

    period_start: date
    organization: str
    budget: str
    scope_kind: str
    scope_name: str | None
    currency: str
    period: str
    period_end: date
    budget_cost: Decimal
    spent_cost: Decimal | None
    used_share: Decimal | None
    expected_cost: Decimal | None
    passes_on_date: date | None
    state: str


@dataclass(frozen=True)
class Change:
    """`bi.cost_changes`: what one project or model added to the change between two periods, and its parts, which add up to it."""

    comparison: str
    organization: str
    dimension: str
    member_id: str | None
    member_name: str | None
    currency: str | None
    period_first_date: date | None
    period_last_date: date | None
    previous_first_date: date | None
    previous_last_date: date | None
    days: int | None
    previous_days: int | None
    previous_cost: Decimal | None
    cost: Decimal | None
    change_cost: Decimal | None
    days_effect: Decimal | None
    volume_effect: Decimal | None
    model_mix_effect: Decimal | None
    tier_mix_effect: Decimal | None
    direction_mix_effect: Decimal | None
    cache_effect: Decimal | None
    price_effect: Decimal | None
    new_cost: Decimal | None
    gone_cost: Decimal | None
    restatement_effect: Decimal | None
    credit_effect: Decimal | None
    other_effect: Decimal | None
    is_comparable: bool
    reason: str | None

    @property
    def name(self) -> str:
        """What people read for the member."""
        return self.member_name or self.member_id or f"(no {self.dimension.replace('_', ' ')})"

    @property
    def shown_change(self) -> Decimal:
        """The change as it is shown, to the cent: the difference of both costs as they are shown; nothing where it is not known."""
        return shown_change(self.change_cost or Decimal(0), self.cost, self.previous_cost)


def shown_change(change: Decimal, cost: Decimal | None, previous_cost: Decimal | None) -> Decimal:
    """Return a change as the difference of what both periods are shown to cost, where it is their difference."""
    if cost is None or previous_cost is None or cost - previous_cost != change:
        return formats.cents(change)
    return formats.difference(cost, previous_cost)


@dataclass(frozen=True)
class OddDay:
    """`bi.cost_anomalies`: one day of one series that faces show."""

    usage_date: date
    organization: str
    series_kind: str
    series_key: str
    series_name: str | None
    currency: str
    actual_cost: Decimal | None
    expected_cost: Decimal | None
    excess_cost: Decimal | None
    kind: str
    state: str
    reason: str | None
    # Of a project or an API key.
    project_id: str | None = None
    project_name: str | None = None

    @property
    def name(self) -> str:
        """What people read for the series."""
        return self.organization if self.series_kind == "organization" else self.series_name or self.series_key


@dataclass(frozen=True)
class LoadedCosts:
    """`bi.freshness` of an organization's costs per day."""

    organization: str
    last_loaded_at_utc: datetime | None
    first_bucket_utc: datetime | None
    settled_through_date: date | None
    settled_bucket_count: int | None
    missing_bucket_count: int | None


@dataclass(frozen=True)
class TieOut:
    """`bi.invoice_tie_out`: a month and its invoices; `no_invoice` only of months of which every day is settled (`is_complete`)."""

    month_start: date
    organization: str
    currency: str
    billed: Decimal | None
    invoiced: Decimal | None
    unexplained: Decimal | None
    state: str
    state_reason: str | None
    is_complete: bool
    tax: Decimal | None = None
    credit: Decimal | None = None
    bundle: Decimal | None = None
    adjustment: Decimal | None = None
    restatement: Decimal | None = None
    period_shift: Decimal | None = None
    rounding: Decimal | None = None
    corrections: Decimal | None = None


@dataclass(frozen=True)
class CheckResult:
    """`bi.checks`: the newest result of one check."""

    check_name: str
    severity: str
    is_ok: bool
    finding_count: int
    checked_at_utc: datetime


@dataclass(frozen=True)
class DayCost:
    """What a day cost in one currency, for the pictures; None: a part of it is unknown."""

    usage_date: date
    currency: str
    cost: Decimal | None
    is_settled: bool


@dataclass(frozen=True)
class AnswerRows:
    """All that the answers are made from, as of one moment: of `month` if it is over and asked for, else of the current one.

    None instead of rows: the role may not see that view.
    """

    month: date | None = None
    month_to_date: tuple[MonthToDate, ...] | None = ()
    forecasts: tuple[MonthForecast, ...] | None = ()
    forecast_misses: tuple[ForecastMiss, ...] | None = ()
    budgets: tuple[Budget, ...] | None = ()
    changes: tuple[Change, ...] | None = ()
    odd_days: tuple[OddDay, ...] | None = ()
    loaded_costs: tuple[LoadedCosts, ...] | None = ()
    tie_outs: tuple[TieOut, ...] | None = ()
    check_results: tuple[CheckResult, ...] | None = ()
    days: tuple[DayCost, ...] | None = ()
    # Budgets and forecasts are those of some projects, and not of whole organizations.
    is_of_projects: bool = False

    @property
    def currency(self) -> str:
        """The currency of the answers where none is chosen: US dollars if there are any, else the first."""
        found = {row.currency for row in self.month_to_date or ()} | {row.currency for row in self.days or ()}
        return min(found, key=lambda code: (code != "usd", code), default="usd")

    @property
    def settled_through(self) -> date | None:
        """The last day that is settled for every organization; None where one has none."""
        return settled_through(self.loaded_costs or ())

    @property
    def missing_days(self) -> int:
        """How many days of costs lie between loaded ones and are not loaded."""
        return sum(one.missing_bucket_count or 0 for one in self.loaded_costs or ())

    @property
    def odd_days_span(self) -> tuple[date, date] | None:
        """The days on which unusual ones are looked for; None where none is settled."""
        return odd_days_span(self.month, self.settled_through)


def settled_through(loaded: tuple[LoadedCosts, ...]) -> date | None:
    """Return the last day that is settled for every organization; None where one has none."""
    days = [one.settled_through_date for one in loaded]
    return None if not days or None in days else min(day for day in days if day is not None)


def odd_days_span(month: date | None, through: date | None) -> tuple[date, date] | None:
    """Return the first and the last day on which unusual ones are looked for: those of a month, or the last settled ones."""
    if through is None or (month is not None and through < month):
        return None
    if month is None:
        return through - timedelta(days=ODD_DAYS_REACH - 1), through
    return month, min(through, last_day(month))


def last_day(month: date) -> date:
    """Return the last day of the month that a day is in."""
    return month.replace(day=monthrange(month.year, month.month)[1])
