"""Everything that the page shows for one choice, as typed rows of one moment, money as Decimal. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

from meterhouse.answers.rows import AnswerRows, Change, OddDay
from meterhouse.catalogue.endpoints import REQUESTS, USAGE
from meterhouse.dashboard.coverage import Coverage, CoveredSpan, State, StreamRow, by_day, coverage, newest_bucket
from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.invented import OrganizationRow

UNNAMED = "(not reported)"
# The value for rows that name no member of a dimension.
_NAMELESS = {"projects": "(no project)", "models": "(no model)", "api_keys": "(no API key)", "users": "(no user)"}
COSTS = "costs"
# Without those that repeat requests of the model's endpoint.
REQUEST_ENDPOINTS = tuple(one.name for one in USAGE if REQUESTS in one.metrics and REQUESTS not in one.repeated_metrics)


@dataclass(frozen=True)
class UsageRow:
    """Requests and tokens of one bucket, model and project, key, user, or of all (`grain`); None: nothing is known.

    Batch usage may be unknown by key and user.
    """

    grain: str
    bucket: datetime | None
    model: str | None
    project_id: str | None
    api_key_id: str | None
    user_id: str | None
    requests: int | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cacheable_tokens: int | None
    batch_tokens: int | None
    batchable_tokens: int | None
    unknown_requests: int
    unknown_tokens: int
    row_count: int


@dataclass(frozen=True)
class CostRow:
    """Billed amount in one currency of one day, day and model, line item, project, key, or of all (`grain`); None: nothing is known."""

    grain: str
    currency: str
    usage_date: date | None
    model: str | None
    line_item: str | None
    project_id: str | None
    api_key_id: str | None
    cost: Decimal | None
    unknown_costs: int
    row_count: int
    # What an amount is for: of every one by category, of one that names no model by day and model.
    category: str | None = None
    user_id: str | None = None

    @property
    def model_or_category(self) -> str:
        """The model, or what was billed where the bill names none."""
        return self.model or f"{category_name(self.category)} (no model)"


def category_name(category: str | None) -> str:
    """Return what people read for what an amount is for."""
    return (category or "unknown").replace("_", " ").capitalize()


@dataclass(frozen=True)
class MonthRow:
    """Billed amount of a calendar month in one currency, and how many of its days are loaded and settled for every organization."""

    month_start: date
    currency: str
    cost: Decimal | None
    unknown_costs: int
    days_in_month: int
    loaded_days: int
    settled_days: int
    settled_through: date | None

    @property
    def is_complete(self) -> bool:
        """Whether every day of the month is settled."""
        return self.settled_days == self.days_in_month


@dataclass(frozen=True)
class DayRow:
    """Billed amount of a day in one currency: its sum over what is known, and how many rows have it unknown."""

    usage_date: date
    currency: str
    cost: Decimal | None
    unknown_costs: int

    @property
    def known_cost(self) -> Decimal | None:
        """The amount; None as soon as a part of it is unknown."""
        return None if self.unknown_costs else self.cost


@dataclass(frozen=True)
class TeamMonthRow:
    """Billed amount of a team in a calendar month and one currency; None: a part of it is unknown."""

    month_start: date
    team: str
    cost_centre: str | None
    currency: str
    cost: Decimal | None
    is_complete: bool


@dataclass(frozen=True)
class SavingsRow:
    """What the cache and batches saved in the settled days of a calendar month, and what was left unused; None: unknown."""

    month_start: date
    currency: str
    cache_saved_net: Decimal | None
    batch_saved: Decimal | None
    cache_unused: Decimal | None
    batch_unused: Decimal | None
    settled_through: date | None
    rows_in_part: int


@dataclass(frozen=True)
class Choice:
    """A member of a dimension: what a filter sends, and what people read."""

    dimension: str
    value: str
    label: str
    belongs_to: str | None


@dataclass(frozen=True)
class Snapshot:
    """Everything that the page shows for one choice, read in one transaction.

    `streams` are those of the chosen organizations; spans of costs reach beyond the chosen days, as far as comparisons do.
    """

    filters: Filters
    version: str
    usage: list[UsageRow] = field(default_factory=list)
    costs: list[CostRow] = field(default_factory=list)
    months: list[MonthRow] = field(default_factory=list)
    recent_days: list[DayRow] = field(default_factory=list)
    team_months: list[TeamMonthRow] = field(default_factory=list)
    # None: they were not read yet.
    savings: list[SavingsRow] | None = None
    # None: the role may not see them.
    drivers: tuple[Change, ...] | None = ()
    odd_days: tuple[OddDay, ...] | None = ()
    streams: list[StreamRow] = field(default_factory=list)
    cost_spans: list[CoveredSpan] = field(default_factory=list)
    usage_spans: list[CoveredSpan] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    organizations: list[OrganizationRow] = field(default_factory=list)
    last_settled_day: date | None = None
    answers: AnswerRows = field(default_factory=AnswerRows)
    is_of_a_team: bool = False

    @cached_property
    def currencies(self) -> list[str]:
        """Currencies of the chosen rows, US dollars first."""
        found = {row.currency for row in self.costs} | {row.currency for row in self.months}
        return sorted(found, key=lambda code: (code != "usd", code == "", code))

    @cached_property
    def currency(self) -> str:
        """The currency of every chart: the chosen one where there is any of it, else the first."""
        found = self.currencies
        return self.filters.currency if self.filters.currency in found else (found or ["usd"])[0]

    def names(self, dimension: str) -> dict[str, str]:
        """Return what people read for each value of a dimension; no two values share a name."""
        members = [one for one in self.choices if one.dimension == dimension]
        plain = {one.value: _name(one) for one in members}
        times: dict[str, int] = {}
        for name in plain.values():
            times[name] = times.get(name, 0) + 1
        return {value: name if times[name] == 1 else f"{name} ({value[-6:]})" for value, name in plain.items()}

    def not_found(self, dimension: str) -> list[str]:
        """Return the chosen values of a dimension that are not there for this reader, as an old or mistyped address may have them."""
        known = {one.value for one in self.choices if one.dimension == dimension}
        return [value for value in getattr(self.filters, dimension) if value not in known]

    @cached_property
    def cost_coverage(self) -> Coverage:
        """The state of every chosen day of costs."""
        return self.cost_coverage_of(self.filters.first, self.filters.last)

    def cost_coverage_of(self, first: date, last: date) -> Coverage:
        """Return the state of every day of costs between two days that `cost_spans` reaches.

        Whose the costs of a day are is not known before it is settled.
        """
        streams = self.streams_of([COSTS], "1d")
        found = coverage(streams, self.cost_spans, first, last, "1d", newest_bucket(streams))
        return found.with_settled_only() if self.filters.users else found

    @cached_property
    def settled_days(self) -> frozenset[date]:
        """Every day, also before the chosen ones, on which the costs of all chosen organizations are settled."""
        if not self.cost_spans:
            return frozenset()
        first, last = min(one.first_bucket for one in self.cost_spans), max(one.last_bucket for one in self.cost_spans)
        return frozenset(day.date() for day in self.cost_coverage_of(first.date(), last.date()).buckets(State.SETTLED))

    @cached_property
    def totals_width(self) -> str:
        """The width that totals of usage are read in: days, unless hours are all that is loaded."""
        return totals_width(self.streams)

    @cached_property
    def usage_coverage(self) -> Coverage:
        """The state of every bucket that totals of usage are made of, over all endpoints."""
        return self._usage(self.totals_width, self.filters.first)

    @cached_property
    def drawn_coverage(self) -> Coverage:
        """The state of every bucket that is drawn in charts of usage over time, over all endpoints."""
        if self.filters.width == "hour":
            return self._usage("1h", self.filters.usage_first)
        return self.usage_coverage if self.totals_width == "1d" else by_day(self.usage_coverage)

    def stream_coverage(self, stream: StreamRow) -> Coverage:
        """Return the state of every chosen day of one stream, or of every hour of one that is drawn."""
        if stream.endpoint == COSTS:
            wanted, spans = [COSTS], self.cost_spans
        else:
            wanted, spans = list(REQUEST_ENDPOINTS), self.usage_spans
        width = stream.bucket_width or "1d"
        own = [one for one in spans if (one.organization, one.endpoint, one.bucket_width) == (stream.organization, stream.endpoint, width)]
        first = self.filters.usage_first if width == "1h" else self.filters.first
        return coverage([stream], own, first, self.filters.last, width, newest_bucket(self.streams_of(wanted, width)))

    def streams_of(self, endpoints: Iterable[str], width: str) -> list[StreamRow]:
        """Return the streams of some endpoints in one width."""
        wanted = set(endpoints)
        return [one for one in self.streams if one.endpoint in wanted and one.bucket_width == width]

    def _usage(self, width: str, first: date) -> Coverage:
        streams = self.streams_of(REQUEST_ENDPOINTS, width)
        spans = [one for one in self.usage_spans if one.bucket_width == width]
        return coverage(streams, spans, first, self.filters.last, width, newest_bucket(streams))


def totals_width(streams: Iterable[StreamRow]) -> str:
    """Return the width that totals of usage are read in: days, unless hours are all that is loaded."""
    found = {one.bucket_width for one in streams if one.endpoint in REQUEST_ENDPOINTS and one.last_bucket_utc is not None}
    return "1h" if "1h" in found and "1d" not in found else "1d"


def _name(choice: Choice) -> str:
    if not choice.value:
        return _NAMELESS.get(choice.dimension, UNNAMED)
    return f"{choice.label} · {choice.belongs_to}" if choice.belongs_to and choice.label != choice.value else choice.label
