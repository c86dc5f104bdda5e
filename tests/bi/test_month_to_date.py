"""A month against the same days of the month before: the view's days are those of the rule in `accounting.comparison`."""

from __future__ import annotations

import random
from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from meterhouse.accounting.comparison import comparison

from .given import Given

COMPARED = (
    "SELECT project_id, settled_cost, compared_cost, previous_compared_cost, previous_month_cost, compared_days, previous_compared_days"
    " FROM bi.spend_month_to_date WHERE is_current_month ORDER BY 1"
)


def days(first: str, last: str) -> list[date]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [start + timedelta(days=number) for number in range((end - start).days + 1)]


def cover(given: Given, wanted: list[date], finality: str) -> None:
    for day in wanted:
        given.covered("costs", f"{day}T00:00Z", finality=finality)


def test_a_month_that_is_not_over_is_compared_with_the_same_settled_days(given: Given) -> None:
    cover(given, days("2026-10-01", "2026-11-26"), "settled")
    cover(given, days("2026-11-27", "2026-11-27"), "settling")
    cover(given, days("2026-11-28", "2026-11-28"), "open")
    for day, amount in {"2026-10-01": "10", "2026-10-26": "10", "2026-10-27": "100", "2026-11-02": "21", "2026-11-27": "3"}.items():
        given.cost(day, amount, project_id="a")
    given.cost("2026-10-05", "7", project_id="gone")
    given.cost("2026-11-28", "5", project_id="new")
    assert given.shown(COMPARED) == [
        ("a", Decimal(21), Decimal(21), Decimal(20), Decimal(120), 26, 26),
        ("gone", Decimal(0), Decimal(0), Decimal(7), Decimal(7), 26, 26),
        ("new", Decimal(0), Decimal(0), Decimal(0), Decimal(0), 26, 26),
    ]
    by_month = "SELECT project_id, cost, compared_cost, previous_compared_cost, settled_days, loaded_days, days_in_month"
    assert given.shown(f"{by_month} FROM bi.spend_by_project_month WHERE month_start = '2026-11-01' ORDER BY 1") == [
        ("a", Decimal(24), Decimal(21), Decimal(20), 26, 28, 30),
        ("new", Decimal(5), Decimal(0), Decimal(0), 26, 28, 30),
    ]


def test_a_whole_settled_month_is_compared_with_the_whole_month_before(given: Given) -> None:
    cover(given, days("2026-09-01", "2026-10-31"), "settled")
    given.cost("2026-09-30", "2", project_id="a")
    given.cost("2026-10-31", "3", project_id="a")
    assert given.shown(COMPARED) == [("a", Decimal(3), Decimal(3), Decimal(2), Decimal(2), 31, 30)]


def test_a_month_with_a_gap_is_compared_on_the_days_that_both_have(given: Given) -> None:
    cover(given, [day for day in days("2026-09-01", "2026-10-31") if day != date(2026, 9, 7)], "settled")
    given.cost("2026-09-08", "2", project_id="a")
    given.cost("2026-10-07", "100", project_id="a")
    given.cost("2026-10-31", "10", project_id="a")
    given.cost("2026-10-08", "3", project_id="a")
    assert given.shown(COMPARED) == [("a", Decimal(113), Decimal(3), Decimal(2), None, 29, 29)]


def test_a_month_without_a_settled_day_compares_nothing(given: Given) -> None:
    cover(given, days("2026-09-01", "2026-09-29"), "settled")
    cover(given, days("2026-09-30", "2026-09-30"), "settling")
    cover(given, days("2026-10-01", "2026-10-01"), "open")
    given.cost("2026-09-02", "2", project_id="a")
    given.cost("2026-10-01", "1", project_id="a")
    assert given.shown(COMPARED) == [("a", None, None, None, Decimal(2), 0, 0)]


def test_an_amount_that_the_vendor_left_out_is_not_nothing(given: Given) -> None:
    cover(given, days("2026-09-01", "2026-10-31"), "settled")
    given.cost("2026-09-02", None, project_id="a")
    given.cost("2026-10-02", "1", project_id="a")
    assert given.shown(COMPARED) == [("a", Decimal(1), Decimal(1), None, None, 31, 30)]
    # Beside amounts that are known, too: a sum of those would be too small.
    given.cost("2026-09-03", "7", project_id="a")
    given.cost("2026-09-03", "7", project_id="b")
    assert given.shown(COMPARED) == [
        ("a", Decimal(1), Decimal(1), None, None, 31, 30),
        ("b", Decimal(0), Decimal(0), Decimal(7), Decimal(7), 31, 30),
    ]


@pytest.mark.parametrize("seed", range(6))
def test_the_days_that_are_compared_are_those_of_the_rule(given: Given, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311  # a reproducible choice of states
    first, last = date(2026, 1, 1), date(2026, 5, rng.randrange(1, 29))
    states: dict[date, Any] = {}
    for day in days(str(first), str(last)):
        age = (last - day).days
        states[day] = rng.choices(["settled", "settling", None], [97, 1, 2])[0] if age > 1 else "settling" if age else "open"
        # Whole months have to occur too.
        if day.month in {2, 3}:
            states[day] = "settled"
        amount = Decimal(rng.randrange(-500, 5000)) / 100
        if states[day]:
            given.cost(str(day), str(amount), project_id="a")
            given.do("UPDATE ops.coverage SET finality = %s, is_complete = %s WHERE bucket_start = %s",
                     states[day], states[day] == "settled", f"{day}T00:00Z")  # fmt: skip
    settled = {day for day, state in states.items() if state == "settled"}
    cost = dict(given.shown("SELECT usage_date, sum(cost) FROM bi.costs_daily GROUP BY 1"))
    found = given.shown(
        "SELECT month_start, compared_days, previous_compared_days, compared_cost, previous_compared_cost, settled_cost, settled_days"
        " FROM bi.spend_month_to_date ORDER BY 1"
    )
    assert [row[0].month for row in found] == [1, 2, 3, 4, 5]
    for month_start, compared_days, previous_days, compared, previous, settled_cost, settled_days in found:
        month_end = month_start.replace(day=monthrange(month_start.year, month_start.month)[1])
        rule = comparison(month_start, month_end, settled)
        assert (compared_days, previous_days) == (len(rule.days), len(rule.before_days)), month_start
        if rule.is_possible:
            assert (compared, previous) == (sum(cost[day] for day in rule.days), sum(cost[day] for day in rule.before_days))
        else:
            assert (compared, previous) == (None, None)
        of_month = [day for day in settled if month_start <= day <= month_end]
        assert (settled_days, settled_cost) == (len(of_month), sum(cost[day] for day in of_month) if of_month else None)
    assert {len(comparison(date(2026, 3, 1), date(2026, 3, 31), settled).before_days)} == {28}
