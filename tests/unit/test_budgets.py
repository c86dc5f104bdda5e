"""Budgets: periods, thresholds, what is expected and on which day a budget is passed, and what is reported, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from meterhouse.accounting.budget_notices import FORECAST, THRESHOLD, Standing, findings_of, in_words
from meterhouse.accounting.budgets import (
    Budget,
    Expected,
    Judgement,
    Period,
    Scope,
    Span,
    Spent,
    State,
    contradiction,
    judged,
    span_of,
    spans,
)

NOVEMBER = Span(date(2026, 11, 1), date(2026, 11, 30))
FOURTH_QUARTER = Span(date(2026, 10, 1), date(2026, 12, 31))
BUDGET = Budget(
    "budgets.csv, line 2", "acme", "Search", Scope.PROJECT, "proj_1", "usd", Period.MONTH, Decimal(1000),
    (Decimal("0.5"), Decimal("0.8"), Decimal(1)), None, None,
)  # fmt: skip
QUARTERLY = replace(BUDGET, period=Period.QUARTER)


def spent(total: str, days: int, first: date = NOVEMBER.first, unknown_days: int = 0) -> Spent:
    """The same amount on each of the first days of a period, exactly the total in all."""
    each = (Decimal(total) / days).quantize(Decimal("0.000001"))
    by_day = {first + timedelta(days=day): each for day in range(days)}
    by_day[first] += Decimal(total) - each * days
    return Spent(by_day, first + timedelta(days=days - 1), unknown_days)


def expected(days: int, rest: str, low: str = "0", high: str | None = None) -> Expected:
    """What the forecast adds after the first days of November."""
    return Expected(date(2026, 11, days), Decimal(rest), Decimal(low), Decimal(high or rest))


@pytest.mark.parametrize(
    ("day", "period", "first", "last"),
    [
        (date(2026, 11, 20), Period.MONTH, date(2026, 11, 1), date(2026, 11, 30)),
        (date(2026, 12, 31), Period.MONTH, date(2026, 12, 1), date(2026, 12, 31)),
        (date(2028, 2, 1), Period.MONTH, date(2028, 2, 1), date(2028, 2, 29)),
        (date(2026, 11, 20), Period.QUARTER, date(2026, 10, 1), date(2026, 12, 31)),
        (date(2026, 3, 31), Period.QUARTER, date(2026, 1, 1), date(2026, 3, 31)),
        (date(2026, 11, 20), Period.YEAR, date(2026, 1, 1), date(2026, 12, 31)),
    ],
)
def test_a_period_is_that_of_the_calendar(day: date, period: Period, first: date, last: date) -> None:
    assert span_of(day, period) == Span(first, last)


def test_a_budget_has_a_period_for_every_one_that_a_day_was_read_of_while_it_is_valid() -> None:
    firsts = [span.first for span in spans(BUDGET, date(2026, 8, 14), date(2026, 11, 20))]
    assert firsts == [date(2026, month, 1) for month in (8, 9, 10, 11)]
    some = replace(BUDGET, valid_from=date(2026, 9, 1), valid_to=date(2026, 10, 31))
    assert [span.first for span in spans(some, date(2026, 8, 14), date(2026, 11, 20))] == [date(2026, 9, 1), date(2026, 10, 1)]
    assert list(spans(replace(BUDGET, valid_from=date(2026, 12, 1)), date(2026, 8, 14), date(2026, 11, 20))) == []


@pytest.mark.parametrize(
    ("total", "reached", "next_one"),
    [
        ("499.999999999999", None, "0.5"),
        ("500", "0.5", "0.8"),
        ("799.999999999999", "0.5", "0.8"),
        ("800", "0.8", "1"),
        ("999.9999999", "0.8", "1"),
        ("1000", "1", None),
        ("5000", "1", None),
    ],
)
def test_a_threshold_is_reached_by_the_exact_amount_and_not_by_a_rounded_share(
    total: str, reached: str | None, next_one: str | None
) -> None:
    found = judged(BUDGET, NOVEMBER, spent(total, 20), None)
    assert found.highest_threshold == (Decimal(reached) if reached else None)
    assert found.next_threshold == (Decimal(next_one) if next_one else None)


@pytest.mark.parametrize(
    ("total", "rest", "high", "state"),
    [
        ("600", "300", "350", State.ON_TRACK),
        ("600", "300", "400", State.ON_TRACK),
        ("600", "300", "400.01", State.AT_RISK),
        ("600", "400", "500", State.AT_RISK),
        ("600", "400.01", "500", State.WILL_EXCEED),
        ("1000", "0", "0", State.ON_TRACK),
        ("1000.01", "0", "0", State.EXCEEDED),
    ],
)
def test_the_state_compares_what_is_spent_expected_and_possible_with_the_budget(total: str, rest: str, high: str, state: State) -> None:
    found = judged(BUDGET, NOVEMBER, spent(total, 20), expected(20, rest, high=high))
    assert found.state is state
    assert (found.expected, found.high) == (Decimal(total) + Decimal(rest), Decimal(total) + Decimal(high))
    assert found.reason is None


def test_the_day_on_which_a_budget_is_passed_is_the_first_after_which_more_is_spent() -> None:
    # 50 are spent on each of ten days; 500 are left: 1,000 are reached on the 30th, and not passed.
    assert judged(BUDGET, NOVEMBER, spent("500", 20), expected(20, "500")).passes_on is None
    assert judged(BUDGET, NOVEMBER, spent("500", 20), expected(20, "500.01")).passes_on == date(2026, 11, 30)
    assert judged(BUDGET, NOVEMBER, spent("800", 20), expected(20, "500")).passes_on == date(2026, 11, 25)
    assert judged(BUDGET, NOVEMBER, spent("801", 20), expected(20, "500")).passes_on == date(2026, 11, 24)
    assert judged(BUDGET, NOVEMBER, spent("1000", 20), expected(20, "1")).passes_on == date(2026, 11, 21)


def test_a_day_is_passed_by_every_pace_exactly_where_adding_up_says_so() -> None:
    for rest in range(1, 1500, 37):
        for total in range(0, 1001, 125):
            found = judged(BUDGET, NOVEMBER, spent(str(total), 20), expected(20, str(rest))).passes_on
            days = [day for day in range(1, 11) if Decimal(total) + Decimal(rest) * day / 10 > 1000]
            assert found == (date(2026, 11, 20 + days[0]) if days else None), (total, rest)


def test_a_budget_that_is_exceeded_says_on_which_day_it_was() -> None:
    found = judged(BUDGET, NOVEMBER, spent("2000", 20), None)
    assert (found.state, found.passes_on, found.used_share) == (State.EXCEEDED, date(2026, 11, 11), Decimal(2))


def test_without_a_forecast_nothing_is_expected_and_the_reason_is_said() -> None:
    found = judged(BUDGET, NOVEMBER, spent("600", 20), None, "no forecast is made of a key")
    assert (found.state, found.expected, found.low, found.high, found.passes_on) == (State.UNKNOWN, None, None, None, None)
    assert found.reason == "no forecast is made of a key"
    assert (found.spent, found.used_share) == (Decimal(600), Decimal("0.6"))


def test_a_period_whose_days_are_all_settled_ends_with_what_was_spent() -> None:
    found = judged(BUDGET, NOVEMBER, spent("900", 30), None)
    assert (found.state, found.low, found.expected, found.high) == (State.ON_TRACK, Decimal(900), Decimal(900), Decimal(900))


def test_days_that_are_not_known_leave_the_state_open_unless_the_budget_is_exceeded_without_them() -> None:
    found = judged(BUDGET, NOVEMBER, spent("600", 20, unknown_days=2), expected(20, "100"))
    assert (found.state, found.expected, found.reason) == (State.UNKNOWN, None, "the costs of 2 days of the period are not known")
    assert judged(BUDGET, NOVEMBER, spent("1001", 20, unknown_days=1), None).state is State.EXCEEDED


def test_a_period_without_a_settled_day_has_no_figure() -> None:
    found = judged(BUDGET, NOVEMBER, Spent({}, None), None)
    assert found == Judgement(
        None, None, None, None, None, None, None, State.UNKNOWN, None, Decimal("0.5"), "no day of the period is settled yet", 0
    )


def test_a_forecast_that_knows_other_days_is_not_added_to_what_is_spent() -> None:
    found = judged(BUDGET, NOVEMBER, spent("600", 20), expected(18, "900"))
    assert (found.state, found.expected, found.passes_on) == (State.UNKNOWN, None, None)
    assert found.reason == "the forecast knows the days to 2026-11-18"


def test_a_forecast_without_a_range_says_so_and_puts_nothing_at_risk() -> None:
    found = judged(BUDGET, NOVEMBER, spent("600", 20), Expected(date(2026, 11, 20), Decimal(300), None, None))
    assert (found.state, found.low, found.expected, found.high) == (State.ON_TRACK, None, Decimal(900), None)
    assert found.reason == "the forecast has too little history for a low and a high end"
    beyond = judged(BUDGET, NOVEMBER, spent("600", 20), Expected(date(2026, 11, 20), Decimal(500), None, None))
    assert (beyond.state, beyond.passes_on) == (State.WILL_EXCEED, date(2026, 11, 29))


def test_of_a_quarter_only_the_last_month_has_an_end_but_the_forecast_of_any_month_may_pass_it() -> None:
    to_november = spent("600", 51, FOURTH_QUARTER.first)
    assert to_november.settled_through == date(2026, 11, 20)
    within = judged(QUARTERLY, FOURTH_QUARTER, to_november, expected(20, "300"))
    assert (within.state, within.expected, within.reason) == (State.UNKNOWN, None, "the forecast ends with the month")
    beyond = judged(QUARTERLY, FOURTH_QUARTER, to_november, expected(20, "500"))
    assert (beyond.state, beyond.expected, beyond.passes_on) == (State.WILL_EXCEED, None, date(2026, 11, 29))
    to_december = spent("600", 81, FOURTH_QUARTER.first)
    last = judged(QUARTERLY, FOURTH_QUARTER, to_december, Expected(date(2026, 12, 20), Decimal(300), Decimal(100), Decimal(350)))
    assert (last.state, last.low, last.expected, last.high) == (State.ON_TRACK, Decimal(700), Decimal(900), Decimal(950))


def test_credits_lower_what_is_spent_and_what_was_passed_before_them_is_not_passed_any_more() -> None:
    by_day = {date(2026, 11, 1): Decimal(1200), date(2026, 11, 2): Decimal(-300)}
    found = judged(BUDGET, NOVEMBER, Spent(by_day, date(2026, 11, 2)), None)
    assert (found.spent, found.highest_threshold, found.passes_on) == (Decimal(900), Decimal("0.8"), None)


def test_two_lines_of_a_budget_may_follow_each_other_and_nothing_else() -> None:
    first = replace(BUDGET, valid_to=date(2026, 10, 31))
    second = replace(BUDGET, place="line 3", amount=Decimal(2000), valid_from=date(2026, 11, 1))
    assert contradiction([first, second]) is None
    assert contradiction([first, replace(second, valid_from=date(2026, 10, 1))]) is not None
    assert contradiction([BUDGET, replace(second, organization="other", valid_from=None)]) is None
    found = contradiction([first, replace(second, scope_key="proj_2")])
    assert found is not None
    assert found[2] == "has another scope, period or currency"


STANDING = Standing(
    "acme", "Search", "project Search Ranking", "usd", Period.MONTH, date(2026, 11, 1), Decimal(1000),
    (Decimal("0.5"), Decimal("0.8"), Decimal(1)), Decimal("812.5"), date(2026, 11, 20), Decimal(1100), date(2026, 11, 24),
    State.WILL_EXCEED,
)  # fmt: skip


def test_every_threshold_is_reported_under_its_own_identity_in_one_line_and_so_is_the_forecast() -> None:
    fifty, eighty, forecast = findings_of(STANDING)
    assert (fifty.kind, fifty.identity) == (THRESHOLD, "Search 1000 usd 50 %")
    assert (eighty.kind, eighty.identity) == (THRESHOLD, "Search 1000 usd 80 %")
    assert fifty.text == eighty.text == (
        "acme: the budget Search (project Search Ranking) of November 2026 has reached 80%: 812.50 of 1,000.00 usd, 81%,"
        " spent to 20 November"
    )  # fmt: skip
    assert (forecast.kind, forecast.identity) == (FORECAST, "Search 1000 usd")
    assert forecast.text == (
        "acme: the budget Search (project Search Ranking) of November 2026 will be passed on 24 November: 812.50 of 1,000.00 usd,"
        " spent to 20 November, and 1,100.00 are expected"
    )


def test_nothing_is_reported_of_a_budget_that_is_on_track_or_not_known() -> None:
    assert list(findings_of(replace(STANDING, spent=Decimal(499), state=State.ON_TRACK))) == []
    assert list(findings_of(replace(STANDING, spent=None, settled_through=None, state=State.UNKNOWN))) == []


def test_a_budget_that_was_raised_is_reported_again_and_an_exceeded_one_not_by_forecast() -> None:
    raised = replace(STANDING, amount=Decimal(1500), state=State.ON_TRACK)
    assert {found.identity for found in findings_of(raised)} == {"Search 1500 usd 50 %"}
    assert {found.kind for found in findings_of(replace(STANDING, spent=Decimal(1200), state=State.EXCEEDED))} == {THRESHOLD}


def test_a_budget_of_next_to_nothing_has_a_share_and_a_notice() -> None:
    least = Decimal("0.000000000001")
    used = judged(replace(BUDGET, amount=least), NOVEMBER, spent("20000", 30), None).used_share
    assert used == Decimal(999999)
    found = next(iter(findings_of(replace(STANDING, amount=least, spent=Decimal("9999999999999999.5"), state=State.EXCEEDED))))
    assert "has reached 100%: 9,999,999,999,999,999.50 of 0.00 usd, 999999999999999950000000000000%," in found.text


@pytest.mark.parametrize(
    ("period", "start", "words"),
    [
        (Period.MONTH, date(2026, 2, 1), "February 2026"),
        (Period.QUARTER, date(2026, 1, 1), "the first quarter of 2026"),
        (Period.QUARTER, date(2026, 10, 1), "the fourth quarter of 2026"),
        (Period.YEAR, date(2026, 1, 1), "2026"),
    ],
)
def test_a_period_is_named_as_people_do(period: Period, start: date, words: str) -> None:
    assert in_words(period, start) == words
