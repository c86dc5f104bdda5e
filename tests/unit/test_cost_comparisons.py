"""Cost comparisons: which settled days are compared with which, and what is said where a day is missing."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from meterhouse.accounting.cost_comparisons import CostComparison, cost_comparisons


def span(first: str, last: str) -> frozenset[date]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return frozenset(start + timedelta(days=number) for number in range((end - start).days + 1))


def compared(settled: frozenset[date]) -> dict[str, CostComparison]:
    return {one.name: one for one in cost_comparisons(settled)}


def test_all_comparisons_end_with_the_last_settled_day() -> None:
    assert compared(span("2026-08-01", "2026-11-26")) == {
        "day": CostComparison("day", span("2026-11-26", "2026-11-26"), span("2026-11-19", "2026-11-19")),
        "week": CostComparison("week", span("2026-11-20", "2026-11-26"), span("2026-11-13", "2026-11-19")),
        "month_to_date": CostComparison("month_to_date", span("2026-11-01", "2026-11-26"), span("2026-10-01", "2026-10-26")),
        "month": CostComparison("month", span("2026-10-01", "2026-10-31"), span("2026-09-01", "2026-09-30")),
    }


def test_a_week_that_begins_with_a_month_is_still_compared_with_the_week_before() -> None:
    assert compared(span("2026-10-01", "2026-11-07"))["week"].before_days == span("2026-10-25", "2026-10-31")


def test_on_the_last_day_of_a_month_the_month_to_date_is_the_whole_month() -> None:
    found = compared(span("2026-09-01", "2026-10-31"))
    assert found["month_to_date"].days == found["month"].days == span("2026-10-01", "2026-10-31")
    assert found["month_to_date"].before_days == found["month"].before_days == span("2026-09-01", "2026-09-30")
    assert {one.reason for one in found.values()} == {None}


def test_the_31st_has_no_counterpart_and_is_not_missed_in_a_month_to_date() -> None:
    # September is not loaded from its beginning: whole months cannot be compared.
    found = compared(span("2026-09-01", "2026-10-31") - {date(2026, 9, 30), date(2026, 10, 30)})
    assert (len(found["month_to_date"].days), found["month_to_date"].reason) == (29, "days_left_out")
    found = compared(span("2026-03-01", "2026-05-31") - {date(2026, 4, 1)})
    assert found["month"].reason == found["month_to_date"].reason == "days_left_out"
    found = compared(span("2026-02-01", "2026-03-30"))
    assert (len(found["month_to_date"].days), found["month_to_date"].reason) == (28, None)


def test_a_day_that_is_not_settled_is_left_out_on_both_sides_and_said() -> None:
    found = compared(span("2026-08-01", "2026-11-26") - {date(2026, 11, 17)})
    assert found["week"].days == span("2026-11-20", "2026-11-26") - {date(2026, 11, 24)}
    assert found["week"].before_days == span("2026-11-13", "2026-11-19") - {date(2026, 11, 17)}
    assert {name: one.reason for name, one in found.items()} == {
        "day": None, "week": "days_left_out", "month_to_date": "days_left_out", "month": None,
    }  # fmt: skip


@pytest.mark.parametrize("days", [1, 5])
def test_what_has_nothing_to_be_compared_with_says_so_and_shows_its_period(days: int) -> None:
    settled = span("2026-11-20", f"2026-11-{19 + days}")
    found = compared(settled)
    assert set(found) == {"day", "week", "month_to_date"}
    assert {(one.before_days, one.reason) for one in found.values()} == {(frozenset(), "nothing_to_compare")}
    assert found["week"].days == settled


def test_without_a_settled_day_there_is_no_comparison() -> None:
    assert cost_comparisons([]) == []
