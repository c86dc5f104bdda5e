"""The words of a comparison: the change with its sign, the days of both sides, and why nothing can be compared."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest

from meterhouse.dashboard.comparisons import comparison_words
from meterhouse.dashboard.coverage import CoveredSpan, StreamRow
from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.snapshot import CostRow, DayRow, Snapshot

NEWEST, SETTLED_THROUGH = date(2026, 11, 28), date(2026, 11, 26)


def day(text: str) -> date:
    return date.fromisoformat(f"2026-{text}")


def snapshot(
    first: str,
    last: str,
    missing: Collection[str] = (),
    unknown: Collection[str] = (),
    currencies: Collection[str] = ("usd",),
    since: str = "09-01",
    settled_through: date = SETTLED_THROUGH,
) -> Snapshot:
    """Ten per day, and twelve from November on, in each currency."""
    days = [day(since) + timedelta(days=number) for number in range((NEWEST - day(since)).days + 1)]
    loaded = [one for one in days if one not in set(map(day, missing))]
    spans = [
        CoveredSpan("acme", "costs", "1d", "settled" if one <= settled_through else "open", start, start)
        for one in loaded
        for start in [datetime.combine(one, time())]
    ]
    rows = [
        DayRow(one, code, Decimal(12 if one.month > 10 else 10), int(one in set(map(day, unknown))))
        for one in loaded
        for code in currencies
    ]
    stream = StreamRow("acme", "costs", "1d", True, None, None, None, datetime.combine(NEWEST, time()), settled_through)
    totals = [CostRow("total", code, None, None, None, None, None, Decimal(1), 0, 1) for code in currencies]
    return Snapshot(Filters(day(first), day(last)), "", costs=totals, recent_days=rows, streams=[stream], cost_spans=spans)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (
            snapshot("10-30", "11-28"),
            "+18.6% (+$52.00), 30 Oct \u2013 26 Nov compared with 30 Sep \u2013 27 Oct: 28 final days, each with the one 30 days before",
        ),
        (snapshot("11-26", "11-26"), "0.0% ($0.00), 26 Nov compared with 25 Nov: 1 final day on each side"),
        (snapshot("11-01", "11-28"), "+20.0% (+$52.00), 1\u201326 Nov compared with 1\u201326 Oct"),
        (snapshot("10-01", "10-31"), "+3.3% (+$10.00) compared with September 2026 (30 days)"),
        (snapshot("09-01", "10-31", since="07-01"), "\u22121.6% (\u2212$10.00) compared with July to August 2026 (62 days)"),
        (
            snapshot("11-01", "11-28", missing=["10-09"]),
            "+20.0% (+$50.00) compared with the same days in 1\u201328 Oct: 25 of 28 days can be compared",
        ),
        (snapshot("09-05", "10-04"), "0.0% ($0.00), 1\u20134 Oct compared with 1\u20134 Sep: 4 of 30 days can be compared"),
        (
            snapshot("11-01", "11-28", currencies=("usd", "eur")),
            "+20.0% (+$52.00) and +20.0% (+52.00 EUR), 1\u201326 Nov compared with 1\u201326 Oct",
        ),
        (snapshot("11-01", "11-28", unknown=["10-20"]), "not compared: an amount on these days or on 1\u201328 Oct is unknown"),
        (snapshot("11-27", "11-28"), "not compared: no day is final yet"),
        (snapshot("09-01", "09-30"), "not compared: 1\u201331 Aug are not loaded"),
        (snapshot("09-02", "09-02", missing=["09-01"]), "not compared: the day before is not loaded"),
        (
            snapshot("09-11", "09-20", missing=[f"09-{number:02}" for number in range(1, 11)]),
            "not compared: the 10 days before are not loaded",
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_comparison_says_its_change_and_its_days_or_why_there_is_none(shown: Snapshot, words: str) -> None:
    assert comparison_words(shown) == words
