"""Marks of the days whose cost was unusual, as the view judged them, with the names of what was unusual. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from meterhouse import formats
from meterhouse.answers.odd_days import series_words, usual_words
from meterhouse.answers.rows import OddDay
from meterhouse.dashboard.chart import Mark
from meterhouse.dashboard.snapshot import Snapshot

# Names of more days would cover each other: the others say theirs under the pointer, and in the words of the chart.
_NAMED = 4


def odd_day_marks(snapshot: Snapshot, days: Sequence[date]) -> tuple[Mark, ...]:
    """Return a mark for each of `days` that was unusual in the shown currency; the days with the largest difference are named."""
    found: dict[date, list[OddDay]] = defaultdict(list)
    for row in snapshot.odd_days or ():
        if row.currency == snapshot.currency and row.usage_date in days:
            found[row.usage_date].append(row)
    largest = sorted(found, key=lambda day: -max(_excess(row) for row in found[day]))[:_NAMED]
    return tuple(
        Mark(days.index(day), _name(found[day]) if day in largest else "", "; ".join(_words(row) for row in found[day]))
        for day in sorted(found)
    )


def _name(rows: Sequence[OddDay]) -> str:
    return rows[0].name if len(rows) == 1 else f"{rows[0].name} +{len(rows) - 1}"


def _words(row: OddDay) -> str:
    cost = formats.money(row.actual_cost, row.currency)
    usual = ", which is new" if row.kind == "new_spender" else f" instead of {usual_words(row)}"
    return f"Unusual on {formats.day(row.usage_date)}: {series_words(row)} with {cost}{usual}"


def _excess(row: OddDay) -> Decimal:
    return abs(row.excess_cost or Decimal(0))
