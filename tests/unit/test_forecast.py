"""Forecasts: a model sees nothing that came later, the best one of the past is used, and its range holds; on invented months with seeds."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import fmean

import pytest
from benchmarks.forecast_backtest import KINDS, invented_series, judged_months, known_until, table

from meterhouse.accounting.daily_series import DailySeries, SeriesKind
from meterhouse.accounting.forecast import CASES, FEWEST_CASES, HISTORY_DAYS, Forecast, forecasts, past_cases
from meterhouse.accounting.forecast_models import ForecastModel, PastWeeks

# A Sunday, the 15th of a month with 30 days.
AS_OF = date(2026, 11, 15)
BY_WEEKDAY = (Decimal(100), Decimal(120), Decimal("99.5"), Decimal(101), Decimal(80), Decimal("12.25"), Decimal(11))


def series(
    cost: Callable[[date], Decimal | None], days: int = HISTORY_DAYS, as_of: date = AS_OF, unsettled: Collection[date] = ()
) -> DailySeries:
    """A series of this many days up to `as_of`."""
    costs = {day: cost(day) for day in (as_of - timedelta(days=back) for back in reversed(range(days)))}
    return DailySeries(1, SeriesKind.PROJECT, "proj_a", "proj_a", "usd", costs, frozenset(costs) - set(unsettled))


def by_weekday(day: date) -> Decimal:
    return BY_WEEKDAY[day.weekday()]


def only(found: list[Forecast]) -> Forecast:
    (month,) = found
    return month


def test_a_week_that_repeats_is_forecast_without_any_error() -> None:
    for back in range(29):
        as_of = date(2026, 11, 29) - timedelta(days=back)
        month = only(forecasts(series(by_weekday, as_of=as_of)))
        whole = sum(by_weekday(date(2026, 11, number)) for number in range(1, 31))
        assert month.expected_cost == month.low_cost == month.high_cost == whole
        assert (month.days_left, month.origins) == (back + 1, CASES)
        assert month.mean_error_share == 0
        assert month.inside_share == 1
        assert month.model is (ForecastModel.MEAN_OF_7 if (back + 1) % 7 == 0 else ForecastModel.WEEKDAY), "the simplest of equal ones"


def test_steady_growth_is_forecast_by_the_trend() -> None:
    first = AS_OF - timedelta(days=HISTORY_DAYS)
    month = only(forecasts(series(lambda day: by_weekday(day) * (day - first).days)))
    assert month.model is ForecastModel.WEEKDAY_TREND
    assert month.mean_error_share is not None
    assert 0 < month.mean_error_share < Decimal("0.05")


@pytest.mark.parametrize("model", list(ForecastModel))
def test_a_model_uses_no_value_after_its_origin(model: ForecastModel) -> None:
    costs = [float(cost or 0) for cost in invented_series(KINDS[2], 1)[0].costs.values()]
    costs = costs[len(costs) % 7 :]
    for case in past_cases(PastWeeks(costs, 0.0), model, 20):
        later = [*costs[: case.week * 7], *(cost * 3 for cost in costs[case.week * 7 :])]
        (changed,) = [one for one in past_cases(PastWeeks(later, 0.0), model, 20) if one.week == case.week]
        assert changed.expected == case.expected
        assert changed.actual == pytest.approx(3 * case.actual)


def test_a_forecast_uses_no_day_after_the_last_settled_one() -> None:
    invented, month_start = invented_series(KINDS[0], 3)
    as_of = month_start + timedelta(days=11)
    known = known_until(invented, as_of)
    assert forecasts(replace(invented, settled=known.settled)) == forecasts(known)


def test_the_days_left_and_the_weekdays_ahead_are_those_of_the_past_cases() -> None:
    for days_ahead in range(1, 31):
        weeks = PastWeeks([float(number % 7) for number in range(7 * 20)], 0.0)
        for case in past_cases(weeks, ForecastModel.WEEKDAY, days_ahead):
            assert case.actual == sum(number % 7 for number in range(days_ahead))
            assert case.expected == pytest.approx(case.actual)


def test_on_the_last_day_of_the_month_what_is_expected_is_what_was_billed_and_the_next_month_is_forecast() -> None:
    over, ahead = forecasts(series(by_weekday, as_of=date(2026, 11, 30)))
    whole = sum(by_weekday(date(2026, 11, number)) for number in range(1, 31))
    assert over.billed_cost == over.expected_cost == over.low_cost == over.high_cost == whole
    assert (over.days_left, over.model, over.reason) == (0, None, None)
    assert (ahead.month_start, ahead.days_left) == (date(2026, 12, 1), 31)
    assert ahead.billed_cost == 0
    assert ahead.previous_month_cost == whole
    assert ahead.expected_cost == sum(by_weekday(date(2026, 12, number)) for number in range(1, 32))


def test_over_a_hundred_invented_months_the_range_holds_and_the_mean_of_seven_days_is_beaten() -> None:
    for kind in KINDS:
        means, chosen = zip(*judged_months(kind, 10, 100), strict=True)
        assert fmean(one.is_inside for one in chosen) >= 0.7, kind
        assert fmean(one.error for one in chosen) <= fmean(one.error for one in means), kind
        assert fmean(one.width for one in chosen) < fmean(one.width for one in means) / 2, kind


@pytest.mark.soak
def test_the_table_in_the_docs_is_the_one_that_the_months_give() -> None:
    assert "\n".join(table()) in (Path(__file__).resolve().parents[2] / "docs" / "answers.md").read_text()


def test_the_same_series_gives_the_same_forecast_in_whatever_order_its_days_are_kept() -> None:
    invented, _ = invented_series(KINDS[2], 5)
    backward = replace(invented, costs=dict(reversed(list(invented.costs.items()))))
    assert forecasts(invented) == forecasts(invented) == forecasts(backward)


def test_amounts_have_twelve_decimals_and_lie_in_order() -> None:
    for seed in range(12):
        invented, month_start = invented_series(KINDS[2], seed)
        month = only(forecasts(known_until(invented, month_start + timedelta(days=9))))
        amounts = [cost for cost in (month.billed_cost, month.low_cost, month.expected_cost, month.high_cost) if cost is not None]
        assert len(amounts) == 4
        assert amounts == sorted(amounts)
        assert all(cost == cost.quantize(Decimal("1e-12")) for cost in amounts)


@pytest.mark.parametrize(
    ("days", "reason", "has_range"),
    [(6, "no_history", False), (7, "short_history", False), (55, "short_history", True), (HISTORY_DAYS, None, True)],
)
def test_a_young_series_has_to_do_with_the_mean_and_a_newer_one_has_no_forecast(days: int, reason: str | None, has_range: bool) -> None:
    month = only(forecasts(series(lambda day: Decimal(7) if day > AS_OF - timedelta(days=days) else Decimal(0))))
    assert month.reason == reason
    assert month.billed_cost == 7 * min(days, 15)
    assert month.expected_cost == (None if days < 7 else month.billed_cost + 7 * 15)
    assert month.model is (None if days < 7 else ForecastModel.MEAN_OF_7)
    assert (month.low_cost is not None) == has_range == (month.origins >= FEWEST_CASES)


@pytest.mark.parametrize("back", [0, 5, 14])
def test_a_day_that_is_not_settled_or_not_known_leaves_no_forecast(back: int) -> None:
    day = AS_OF - timedelta(days=back)
    unknown = only(forecasts(series(lambda one: None if one == day else Decimal(7))))
    assert (unknown.reason, unknown.expected_cost, unknown.model, unknown.low_cost) == ("amount_unknown", None, None, None)
    if back:
        open_day = only(forecasts(series(by_weekday, unsettled=[day])))
        assert (open_day.reason, open_day.expected_cost, open_day.as_of_date) == ("not_settled", None, AS_OF)


def test_an_unknown_day_long_ago_costs_only_the_cases_that_it_is_in() -> None:
    unknown = only(forecasts(series(lambda day: None if day == AS_OF - timedelta(days=60) else by_weekday(day))))
    assert unknown.reason is None
    assert unknown.expected_cost == only(forecasts(series(by_weekday))).expected_cost
    assert FEWEST_CASES <= unknown.origins < CASES


def test_credits_and_weeks_without_cost_have_a_forecast_too() -> None:
    credit = only(forecasts(series(lambda day: -by_weekday(day))))
    assert credit.expected_cost == -sum(by_weekday(date(2026, 11, number)) for number in range(1, 31))
    nothing = only(forecasts(series(lambda day: Decimal(5) if day == AS_OF - timedelta(days=100) else Decimal(0))))
    assert nothing.expected_cost == nothing.low_cost == nothing.high_cost == 0
    assert nothing.mean_error_share is None
    # Of weeks that expected nothing the range is as far off in money, and what never was negative is not expected to be.
    now_and_then = only(forecasts(series(lambda day: Decimal(50) if day.day == 20 else Decimal(0))))
    assert now_and_then.expected_cost == now_and_then.low_cost == 0
    assert now_and_then.high_cost == 50


@pytest.mark.parametrize("least", ["0.000000000001", "0.0000001", "0.01"])
def test_weeks_that_cost_next_to_nothing_say_by_how_much_and_not_how_many_times_as_much_it_became(least: str) -> None:
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(130)]
    costs = {day: Decimal(least) if number < 60 else Decimal(5000) for number, day in enumerate(days)}
    (found,) = forecasts(DailySeries(1, SeriesKind.PROJECT, "p", "p", "usd", costs, frozenset(days)))
    assert (found.expected_cost, found.days_left) == (Decimal(5000 * 31), 21)
    assert found.high_cost is not None
    assert found.high_cost < 2 * Decimal(5000 * 31)


def test_without_a_settled_day_nothing_is_said() -> None:
    assert forecasts(series(by_weekday, days=3, unsettled=[AS_OF - timedelta(days=back) for back in range(3)])) == []
