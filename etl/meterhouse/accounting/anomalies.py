"""Anomalies: which settled days of a series of daily costs were odd: a spike, a drop, above expectation for days, or a new spender. Pure.

Data flow of one day: the costs before it -> what was to be expected (`ordinary_days`) -> its deviation -> odd if that is large in
deviations, in money and in proportion, and is no rhythm that was seen twice before: the same weekday, or the same day of the month.
"""

from __future__ import annotations

import calendar
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import reduce

from meterhouse.accounting.daily_series import SeriesKind
from meterhouse.accounting.ordinary_days import HISTORY_DAYS, MIN_KNOWN_DAYS, Ordinary, days_before, ordinary
from meterhouse.money import add

# How far back the rule looks: two months to the same day of the month, and what is to be expected of that day.
REACH_DAYS = 62 + 2 * HISTORY_DAYS
_LIMITS = {SeriesKind.ORGANIZATION: 4.0}
_LIMIT = 5.0
_RUN_LIMIT = 2.0
_RUN_DAYS = 3
_MIN_SHARE = Decimal("0.30")
# A rhythm has been seen twice, each time at least this share of the limit away; it may grow by half from one time to the next.
_RHYTHM_TIMES = 2
_RHYTHM_SHARE = 0.6
_RHYTHM_GROWTH = Decimal("1.5")
# Of the days of an API key, the share on which it must have cost anything.
_MIN_DAYS_WITH_COST = 0.2
_SPARSE_KINDS = {SeriesKind.API_KEY}
# Not of the calendar module: its names are those of the machine's language.
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SIX_DECIMALS = Decimal("0.000001")
_MANY_TIMES = 1000
_LARGEST_Z = 999999.0


class Kind(StrEnum):
    """What was odd about a day."""

    SPIKE = "spike"
    DROP = "drop"
    SUSTAINED = "sustained"
    NEW_SPENDER = "new_spender"


@dataclass(frozen=True)
class OddDay:
    """A day that was odd. Costs are in units of currency; `low` and `high` are what would have been ordinary, `z` is in deviations.

    Without a history, as of a new spender, nothing was expected and there is no deviation.
    """

    day: date
    kind: Kind
    cost: Decimal
    expected: Decimal
    low: Decimal
    high: Decimal
    z: Decimal | None
    reason: str

    @property
    def excess(self) -> Decimal:
        """How much more was billed than expected; negative for less."""
        return add(self.cost, -self.expected)


@dataclass
class _Walk:
    """One series, walked day by day: `odd` grows, and what was to be expected of a day is worked out once."""

    kind: SeriesKind
    currency: str
    costs: Mapping[date, Decimal]
    floor: Decimal
    odd: dict[date, float]
    known: Mapping[date, float] = field(init=False)
    expected: dict[date, Ordinary | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.known = {day: float(cost) for day, cost in self.costs.items()}

    @property
    def limit(self) -> float:
        return _LIMITS.get(self.kind, _LIMIT)

    def of(self, day: date) -> Ordinary | None:
        if day not in self.expected:
            self.expected[day] = ordinary(self.known, self.odd, day)
        return self.expected[day]

    def z(self, day: date) -> float | None:
        """Deviations of a day; infinite for the first cost in eight weeks, None for a day that cannot be judged."""
        if day not in self.known:
            return None
        if found := self.of(day):
            return found.deviations(self.known[day])
        history = self.history(day)
        return math.inf if len(history) >= MIN_KNOWN_DAYS and not any(self.known[one] > 0 for one in history) else None

    def history(self, day: date) -> list[date]:
        return [one for one in days_before(day) if one in self.known]

    def excess(self, day: date) -> Decimal:
        found = self.of(day)
        return add(self.costs[day], -_rounded(found.cost_at(0))) if found else self.costs[day]


def odd_days(
    kind: SeriesKind,
    currency: str,
    costs: Mapping[date, Decimal],
    days: Iterable[date],
    *,
    floor: Decimal,
    before: Mapping[date, Decimal],
) -> list[OddDay]:
    """Return which of `days`, in their order, were odd.

    `costs` has the known costs of settled days, zero where nothing was billed; `kind` is that of the series, `floor` the least amount that
    is worth a look, `before` the odd days that were found earlier with what was expected of them. Judging a day looks at no later one.
    """
    walk = _Walk(kind, currency, costs, floor, {day: float(expected) for day, expected in before.items()})
    found = []
    for day in sorted(days):
        if day in costs and (one := _judged(walk, day)):
            found.append(one)
            walk.odd[day] = float(one.expected)
    return found


def _judged(walk: _Walk, day: date) -> OddDay | None:
    history = walk.history(day)
    if len(history) < MIN_KNOWN_DAYS:
        return None
    if not any(walk.costs[one] > 0 for one in history):
        return _new_spender(walk, day)
    if not _is_worth_a_look(walk, day, history) or (z := walk.z(day)) is None:
        return None
    excess = walk.excess(day)
    is_large = abs(excess) >= max(walk.floor, _MIN_SHARE * add(walk.costs[day], -excess)) and (z > 0) == (excess > 0)
    if abs(z) > walk.limit and is_large:
        return None if _is_rhythm(walk, day, walk.limit) else _odd(walk, day, Kind.SPIKE if z > 0 else Kind.DROP)
    run = _run_until(walk, day)
    if run and _excess_of(walk, run) >= 3 * walk.floor and not _is_rhythm(walk, day, _RUN_LIMIT):
        return _odd(walk, day, Kind.SUSTAINED, run)
    return None


def _is_worth_a_look(walk: _Walk, day: date, history: Sequence[date]) -> bool:
    # What costs less than the floor on every day can't be off by it: this spares most series all of the work.
    if max(walk.costs[one] for one in (*history, day)) < walk.floor or _is_young(walk, day):
        return False
    spent = sum(walk.costs[one] > 0 for one in history)
    return walk.kind not in _SPARSE_KINDS or spent >= _MIN_DAYS_WITH_COST * len(history)


def _is_young(walk: _Walk, day: date) -> bool:
    """Whether the series began, or began again after eight weeks without any cost, too few days ago."""
    known = [one for one in days_before(day, HISTORY_DAYS + MIN_KNOWN_DAYS) if one in walk.known]
    recent = known[-MIN_KNOWN_DAYS:]
    began = next((one for one in recent if walk.costs[one] > 0), None)
    return began is not None and began != recent[0] and not any(walk.costs[one] > 0 for one in known if one < recent[0])


def _new_spender(walk: _Walk, day: date) -> OddDay | None:
    cost = walk.costs[day]
    if walk.kind in _SPARSE_KINDS or cost <= 0 or cost < walk.floor:
        return None
    nothing = Decimal(0)
    reason = f"the first cost in eight weeks: {_money(cost, walk.currency)}"
    return OddDay(day, Kind.NEW_SPENDER, cost, nothing, nothing, nothing, None, reason)


def _run_until(walk: _Walk, day: date) -> list[date]:
    """Return the last days up to `day` if all of them were well above expectation, else nothing."""
    last = [one for one in [*days_before(day), day] if one in walk.known][-_RUN_DAYS:]
    return last if len(last) == _RUN_DAYS and all((walk.z(one) or 0.0) > _RUN_LIMIT for one in reversed(last)) else []


def _is_rhythm(walk: _Walk, day: date, limit: float) -> bool:
    """Whether two of the last four days of this weekday, or the same day of both months before, were nearly as odd, and as large."""
    z, excess = walk.z(day) or 0.0, abs(walk.excess(day))
    weekdays, months = [day - timedelta(days=7 * weeks) for weeks in range(1, 5)], [_months_before(day, count) for count in (1, 2)]
    for times in (weekdays, months):
        found = {one: of_one for one in times if one is not None and (of_one := walk.z(one)) is not None}
        alike = {one: abs(of_one) for one, of_one in found.items() if of_one * z > 0 and abs(of_one) > _RHYTHM_SHARE * limit}
        if len(alike) < _RHYTHM_TIMES:
            continue
        if excess <= _RHYTHM_GROWTH * max(abs(walk.excess(one)) for one in alike) or abs(z) <= max(alike.values()) + limit:
            return True
    return False


def _months_before(day: date, count: int) -> date | None:
    """Return the same day of an earlier month, the last one for the last one; None where that month has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 - count, 12)
    length = calendar.monthrange(year, month + 1)[1]
    if day.day == calendar.monthrange(day.year, day.month)[1]:
        return date(year, month + 1, length)
    return date(year, month + 1, day.day) if day.day <= length else None


def _odd(walk: _Walk, day: date, kind: Kind, run: Sequence[date] = ()) -> OddDay | None:
    found = walk.of(day)
    if found is None:
        return None
    cost, z = walk.costs[day], max(-_LARGEST_Z, min(_LARGEST_Z, found.deviations(walk.known[day])))
    expected, low, high = (_rounded(found.cost_at(away)) for away in (0.0, -walk.limit, walk.limit))
    reason = f"the last {_RUN_DAYS} days were above expectation, by {_money(_excess_of(walk, run), walk.currency)}"
    if kind is not Kind.SUSTAINED:
        reason = f"{_compared(cost, expected)} the {_money(expected, walk.currency)} expected for a {_WEEKDAYS[day.weekday()]}"
    return OddDay(day, kind, cost, expected, low, high, _rounded(z), reason)


def _compared(cost: Decimal, expected: Decimal) -> str:
    if cost < expected:
        return f"{(1 - max(cost, Decimal(0)) / expected) * 100:.0f}% less than"
    return f"{cost / expected:.1f} times" if cost < _MANY_TIMES * expected else f"over {_MANY_TIMES} times"


def _excess_of(walk: _Walk, run: Iterable[date]) -> Decimal:
    return reduce(add, map(walk.excess, run), Decimal(0))


def _money(amount: Decimal, currency: str) -> str:
    """Return an amount in words that are no longer than 18 characters: a reason has 64."""
    number = f"{amount:,.2f}" if amount < 10**7 else f"{amount / 10**6:,.0f} million" if amount < 10**11 else f"{amount:.1e}"
    return f"{number} {currency[:3]}".rstrip()


def _rounded(figure: float) -> Decimal:
    return Decimal(figure).quantize(_SIX_DECIMALS)
