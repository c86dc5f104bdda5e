"""Comparison: like with like. What may be compared is settled, has a counterpart, and is said; nothing else is."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhouse.accounting.comparison import comparison, runs

EXAMPLES = settings(max_examples=200, deadline=None, derandomize=True)
EPOCH = date(2026, 1, 1)
DAYS = st.integers(0, 400).map(lambda number: EPOCH + timedelta(days=number))


def span(first: str, last: str) -> frozenset[date]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return frozenset(start + timedelta(days=number) for number in range((end - start).days + 1))


def test_a_span_with_an_open_day_is_compared_with_the_counterparts_of_its_settled_days():
    settled = span("2026-09-01", "2026-11-26")
    found = comparison(date(2026, 10, 30), date(2026, 11, 28), settled)
    assert (found.days, found.before_days) == (span("2026-10-30", "2026-11-26"), span("2026-09-30", "2026-10-27"))
    assert (found.before_first, found.before_last) == (date(2026, 9, 30), date(2026, 10, 29))
    assert not found.is_by_month


def test_seven_days_are_compared_with_the_same_weekdays():
    found = comparison(date(2026, 11, 22), date(2026, 11, 28), span("2026-11-01", "2026-11-26"))
    assert [day.weekday() for day in sorted(found.days)] == [day.weekday() for day in sorted(found.before_days)]
    assert found.before_days == span("2026-11-15", "2026-11-19")


def test_a_month_to_date_is_compared_with_the_same_days_of_the_month_before():
    found = comparison(date(2026, 11, 1), date(2026, 11, 28), span("2026-09-01", "2026-11-26"))
    assert (found.days, found.before_days) == (span("2026-11-01", "2026-11-26"), span("2026-10-01", "2026-10-26"))
    assert (found.before_first, found.before_last) == (date(2026, 10, 1), date(2026, 10, 28))


@pytest.mark.parametrize(
    ("first", "last", "before"),
    [
        ("2026-10-01", "2026-10-31", ("2026-09-01", "2026-09-30")),
        ("2026-03-01", "2026-03-31", ("2026-02-01", "2026-02-28")),
        ("2026-02-01", "2026-02-28", ("2026-01-01", "2026-01-31")),
        ("2026-07-01", "2026-09-30", ("2026-04-01", "2026-06-30")),
        ("2026-01-01", "2026-01-31", ("2025-12-01", "2025-12-31")),
    ],
)
def test_whole_settled_months_are_compared_with_whole_months(first, last, before):
    found = comparison(date.fromisoformat(first), date.fromisoformat(last), span("2025-01-01", "2026-11-26"))
    assert (found.days, found.before_days) == (span(first, last), span(*before))
    assert found.is_whole_months


def test_a_month_with_a_day_that_is_not_settled_is_compared_day_by_day():
    settled = span("2026-09-01", "2026-11-26") - {date(2026, 10, 5), date(2026, 9, 7)}
    found = comparison(date(2026, 10, 1), date(2026, 10, 31), settled)
    # Neither the days that miss on one side, nor the 31st, which September has not.
    gaps = {date(2026, 10, 5), date(2026, 10, 7), date(2026, 10, 31)}
    assert found.days == span("2026-10-01", "2026-10-31") - gaps
    assert {day.day for day in found.before_days} == {day.day for day in found.days}
    assert not found.is_whole_months


def test_nothing_is_compared_where_the_days_before_are_not_settled():
    found = comparison(date(2026, 11, 1), date(2026, 11, 28), span("2026-11-01", "2026-11-26"))
    assert not found.is_possible
    assert (found.days, found.before_days) == (frozenset(), frozenset())


@EXAMPLES
@given(DAYS, st.integers(0, 100), st.sets(DAYS, max_size=300))
def test_both_sides_are_settled_lie_where_they_should_and_have_one_length(first, length, settled):
    last = first + timedelta(days=length)
    found = comparison(first, last, settled)
    assert found.days <= settled
    assert found.before_days <= settled
    assert all(first <= day <= last for day in found.days)
    assert all(found.before_first <= day <= found.before_last < first for day in found.before_days)
    assert found.is_whole_months or len(found.days) == len(found.before_days)
    assert bool(found.days) == bool(found.before_days)


@EXAMPLES
@given(st.sets(DAYS))
def test_runs_are_the_days_again_and_no_two_of_them_touch(days):
    found = runs(days)
    assert {first + timedelta(days=number) for first, last in found for number in range((last - first).days + 1)} == days
    assert all(later[0] - earlier[1] > timedelta(days=1) for earlier, later in pairwise(found))
