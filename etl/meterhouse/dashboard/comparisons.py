"""Costs of the chosen days compared with earlier days, like with like, and the words for it. Pure.

`accounting.comparison` decides which days may be compared; here are their amounts, by currency. An unknown amount on either side makes
a comparison unknown.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from meterhouse import formats
from meterhouse.accounting.comparison import Comparison, comparison, runs
from meterhouse.counts import counted
from meterhouse.dashboard.coverage import State
from meterhouse.dashboard.snapshot import DayRow, Snapshot

_WITH = "compared with"


@dataclass(frozen=True)
class Compared:
    """What the compared days cost in one currency, and what those before did; None: a part of it is not known."""

    currency: str
    cost: Decimal | None
    cost_before: Decimal | None

    @property
    def change(self) -> Decimal | None:
        """The difference; None where a side is not known."""
        return None if self.cost is None or self.cost_before is None else self.cost - self.cost_before

    @property
    def shown_change(self) -> Decimal:
        """The difference of both amounts as they are shown; nothing where a side is not known."""
        return Decimal(0) if self.cost is None or self.cost_before is None else formats.difference(self.cost, self.cost_before)

    @property
    def share(self) -> Decimal | None:
        """The difference as a share of the days before; None where these cost nothing."""
        return formats.share(self.change, self.cost_before) if self.cost_before is not None and self.cost_before > 0 else None


def cost_comparison(snapshot: Snapshot) -> tuple[Comparison, list[Compared]]:
    """Return which days are compared, and their amounts by currency: none where no day can be, or nothing was billed on either side."""
    found = comparison(snapshot.filters.first, snapshot.filters.last, snapshot.settled_days)
    rows = [row for row in snapshot.recent_days if row.usage_date in found.days or row.usage_date in found.before_days]
    seen = {row.currency for row in rows}
    return found, [
        Compared(code, _cost(rows, code, found.days), _cost(rows, code, found.before_days)) for code in snapshot.currencies if code in seen
    ]


def _cost(rows: list[DayRow], currency: str, days: Collection[date]) -> Decimal | None:
    """A compared day is settled, so one without a row cost nothing."""
    costs = [row.known_cost for row in rows if row.currency == currency and row.usage_date in days]
    return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))


def comparison_words(snapshot: Snapshot) -> str:
    """Return the change with its sign, and the days that were compared; or why nothing can be."""
    found, amounts = cost_comparison(snapshot)
    if not found.is_possible:
        return _why_not(found, snapshot)
    if not amounts:
        return f"nothing was billed on the days compared, {_days(found)}"
    if all(one.change is None for one in amounts):
        before = formats.span(found.before_first, found.before_last, found.last.year)
        return f"not compared: an amount on these days or on {before} is unknown"
    return f"{' and '.join(map(_change, amounts))}{_separator(found)}{_days(found)}"


def _change(one: Compared) -> str:
    if one.change is None:
        return f"an unknown change in {one.currency.upper() or 'an unknown currency'}"
    difference = formats.change(one.shown_change, one.currency)
    return difference if one.share is None else f"{formats.signed_percent(one.share)} ({difference})"


def _separator(found: Comparison) -> str:
    return " " if _days(found).startswith(_WITH) else ", "


def _days(found: Comparison) -> str:
    """The days that are compared: the spans of both sides where they have no gaps, else their number."""
    year, days, before = found.last.year, runs(found.days), runs(found.before_days)
    number = f"{len(found.days):,} of {counted((found.last - found.first).days + 1, 'day')} can be compared"
    if found.is_whole_months:
        return f"{_WITH} {months(found.before_first, found.before_last)} ({counted(len(found.before_days), 'day')})"
    if len(days) > 1 or len(before) > 1:
        return f"{_WITH} the same days in {formats.span(found.before_first, found.before_last, year)}: {number}"
    earlier = f"{_WITH} {formats.span(*before[0], year)}"
    if days[0][0] != found.first:
        return f"{formats.span(*days[0], year)} {earlier}: {number}"
    return f"{formats.span(*days[0], year)} {earlier}{'' if found.is_by_month else f': {_final(found)}'}"


def _final(found: Comparison) -> str:
    """How many days are compared and how far apart they are: with days that are not final at the end, both spans are apart as well."""
    number, apart = len(found.days), (found.last - found.before_last).days
    if number == 1:
        return "1 final day on each side" if apart == 1 else f"1 final day, with the one {apart:,} days before"
    return f"{number:,} final days, each with the one {apart:,} days before"


def months(first: date, last: date) -> str:
    """Return whole months as September 2026, or July to September 2026."""
    ends = f"{last:%B %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return ends
    return f"{first:%B}{f' {first.year}' if first.year != last.year else ''} to {ends}"


def _why_not(found: Comparison, snapshot: Snapshot) -> str:
    if not snapshot.cost_coverage.count(State.SETTLED):
        return "not compared: no day is final yet"
    before = snapshot.cost_coverage_of(found.before_first, found.before_last)
    number = len(before.states)
    name = formats.span(found.before_first, found.before_last, found.last.year) if found.is_by_month else "the day before"
    name = name if found.is_by_month or number == 1 else f"the {number:,} days before"
    verb = "is" if number == 1 else "are"
    if before.count(State.SETTLED):
        return "not compared: no final day has a final counterpart"
    return f"not compared: {name} {verb} not {'loaded' if before.is_none else 'final yet'}"
