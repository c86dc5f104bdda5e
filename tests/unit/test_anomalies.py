"""Anomalies: what the rule finds and leaves alone in invented series, what it looks at, and how it puts it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhouse.accounting.anomalies import REACH_DAYS, Kind, OddDay, odd_days
from meterhouse.accounting.causes import OddSeries, explained
from meterhouse.accounting.daily_series import SeriesKind

from .invented_costs import FIRST, FLOOR, dated, found, invented

SEEDS = range(3)
# A Monday more than six months after the first day.
STEP = 196
DAY = timedelta(days=1)


def at(number: int) -> date:
    return FIRST + number * DAY


def kinds(odd: list[OddDay]) -> list[tuple[int, Kind]]:
    return [((one.day - FIRST).days, one.kind) for one in odd]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tripled_sunday_is_a_spike_and_the_days_around_it_are_not(seed: int) -> None:
    costs = invented(seed)
    sunday = STEP + 6
    assert at(sunday).weekday() == 6
    costs[sunday] *= 3
    assert kinds(found(dated(costs))) == [(sunday, Kind.SPIKE)]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_batch_on_the_first_of_each_month_is_found_at_most_twice(seed: int) -> None:
    multiplied = {day: cost * (4 if day.day == 1 else 1) for day, cost in dated(invented(seed, 500)).items()}
    added = {day: cost + (2000 if day.day == 1 and day > at(STEP) else 0) for day, cost in dated(invented(seed, 500)).items()}
    assert [one.day for one in found(multiplied) if one.day.day == 1] == [], "it was there before the first day that is judged"
    assert [one.day.day for one in found(added)] in ([1], [1, 1])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("times", [Decimal("1.6"), Decimal(5)])
def test_a_step_is_found_within_three_days_and_is_silent_after_a_week(seed: int, times: Decimal) -> None:
    # At a noise of 0.15 six steps of ten by 60 % are: benchmarks/anomaly_rates.py counts them.
    costs = [cost * (times if number >= STEP else 1) for number, cost in enumerate(invented(seed, noise=0.1))]
    odd = found(dated(costs))
    assert odd
    assert {one.kind for one in odd} <= {Kind.SPIKE, Kind.SUSTAINED}
    assert STEP <= min((one.day - FIRST).days for one in odd) <= STEP + 2
    assert max((one.day - FIRST).days for one in odd) < STEP + 7


@pytest.mark.parametrize("seed", SEEDS)
def test_a_holiday_is_at_most_one_drop(seed: int) -> None:
    costs = invented(seed)
    wednesday = STEP + 2
    costs[wednesday] *= Decimal("0.33")
    assert kinds(found(dated(costs))) in ([], [(wednesday, Kind.DROP)])


def test_a_day_whose_cost_is_unknown_is_not_judged_and_counts_as_nothing() -> None:
    costs = dated(invented(1))
    gone = {day: cost for day, cost in costs.items() if day != at(STEP)}
    assert found(gone) == found(costs) == []
    # As zero it would have been a drop.
    assert kinds(found(costs | {at(STEP): Decimal(0)})) == [(STEP, Kind.DROP)]


def test_too_few_known_days_are_no_history() -> None:
    costs = dated(invented(2))
    costs[at(STEP)] *= 10
    rare = {day: cost for day, cost in costs.items() if day >= at(STEP) or (day - FIRST).days % 7 < 5}
    assert kinds(found(costs)) == [(STEP, Kind.SPIKE)]
    assert found(rare) == [], "40 days of the last 56"


def test_five_per_cent_more_than_always_is_nothing() -> None:
    constant = {day: Decimal(400) for day in dated(invented(0))}
    assert found(constant) == []
    assert found(constant | {at(STEP): Decimal(420)}) == []
    assert kinds(found(constant | {at(STEP): Decimal(800)})) == [(STEP, Kind.SPIKE)]


def test_less_than_the_floor_or_three_tenths_is_never_worth_a_look() -> None:
    cheap = {day: cost / 100 for day, cost in dated(invented(3)).items()}
    assert found(cheap | {at(STEP): Decimal("19.99")}) == []
    assert kinds(found(cheap | {at(STEP): Decimal(40)})) == [(STEP, Kind.SPIKE)]
    even = {day: Decimal(10**6) for day in cheap}
    assert found(even | {at(STEP): Decimal(1_290_000)}, kind=SeriesKind.ORGANIZATION) == []


def test_a_first_cost_is_a_new_spender_and_the_days_behind_it_are_learned_from() -> None:
    costs = {day: cost if day >= at(STEP) else Decimal(0) for day, cost in dated(invented(4)).items()}
    odd = found(costs)
    assert kinds(odd) == [(STEP, Kind.NEW_SPENDER)]
    assert (odd[0].expected, odd[0].z, odd[0].excess) == (0, None, costs[at(STEP)])
    # Keys come and go, and a cheap beginning is nothing.
    assert found(costs, kind=SeriesKind.API_KEY) == []
    assert found({day: cost / 100 for day, cost in costs.items()}) == []


def test_a_key_that_is_used_on_few_days_is_not_judged() -> None:
    costs = {day: cost if day.weekday() == 0 else Decimal(0) for day, cost in dated(invented(5)).items()}
    costs[at(STEP)] *= 20
    assert found(costs, kind=SeriesKind.API_KEY) == []
    assert kinds(found(costs)) == [(STEP, Kind.SPIKE)]


def test_the_weekday_that_costs_more_from_now_on_is_found_at_most_twice() -> None:
    for seed in SEEDS:
        costs = {day: cost * (3 if day >= at(STEP) and day.weekday() == 1 else 1) for day, cost in dated(invented(seed)).items()}
        assert kinds(found(costs)) in ([(STEP + 1, Kind.SPIKE)], [(STEP + 1, Kind.SPIKE), (STEP + 8, Kind.SPIKE)])


def test_an_organization_is_judged_more_strictly_than_a_project() -> None:
    costs = dated(invented(6, noise=0.05))
    costs[at(STEP)] *= Decimal("1.58")
    assert found(costs) == []
    assert kinds(found(costs, kind=SeriesKind.ORGANIZATION)) == [(STEP, Kind.SPIKE)]


def test_a_credit_is_a_drop_and_no_error() -> None:
    costs = dated(invented(7)) | {at(STEP): Decimal(-500)}
    odd = found(costs)
    assert kinds(odd) == [(STEP, Kind.DROP)]
    assert odd[0].low > 0


def test_no_later_day_is_looked_at_and_day_by_day_is_as_all_at_once() -> None:
    costs = dated([cost * (4 if number in {STEP, STEP + 9} else 1) for number, cost in enumerate(invented(8))])
    at_once = found(costs)
    assert kinds(at_once) == [(STEP, Kind.SPIKE), (STEP + 9, Kind.SPIKE)]
    one_by_one: list[OddDay] = []
    for number in range(REACH_DAYS, len(costs)):
        known = {day: cost for day, cost in costs.items() if at(number - REACH_DAYS) <= day <= at(number)}
        before = {one.day: one.expected for one in one_by_one if one.day in known}
        one_by_one += odd_days(SeriesKind.PROJECT, "usd", known, [at(number)], floor=FLOOR, before=before)
    assert one_by_one == at_once


def test_the_band_and_the_reason_say_what_was_expected() -> None:
    constant = {day: Decimal(100) for day in dated(invented(0))}
    (odd,) = found(constant | {at(STEP): Decimal(312)})
    assert (odd.expected, odd.excess) == (100, 212)
    # Five times the smallest scatter, 0.1, of a logarithm of hundredths of an ordinary day.
    assert (odd.low, odd.high) == (Decimal("60.259597"), Decimal("165.520848"))
    assert odd.z is not None
    assert odd.low < odd.expected < odd.high < odd.cost
    assert odd.reason == "3.1 times the 100.00 usd expected for a Monday"
    (drop,) = found(constant | {at(STEP): Decimal(12)})
    assert drop.reason == "88% less than the 100.00 usd expected for a Monday"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.decimals(min_value="-1e15", max_value="1e15", places=6, allow_nan=False), min_size=3, max_size=3),
    st.sampled_from(["0.000001", "1", "1e15"]),
    st.sampled_from([SeriesKind.PROJECT, SeriesKind.ORGANIZATION]),
)
def test_every_figure_fits_its_column(last: list[Decimal], usual: str, kind: SeriesKind) -> None:
    days = [at(number) for number in range(120)]
    costs = dict(zip(days, [Decimal(usual)] * 117 + last, strict=True))
    for one in odd_days(kind, "xxxxxx", costs, days[117:], floor=Decimal(0), before={}):
        assert 0 <= one.low <= one.expected <= one.high <= Decimal(10**15)
        assert one.z is None or abs(one.z) < 10**6
        assert len(one.reason) <= 64


def series(kind: SeriesKind, key: str, excess: int, project: str | None = None, currency: str = "usd") -> OddSeries:
    return OddSeries(kind, key, project, currency, Decimal(excess))


def test_the_series_furthest_down_with_seven_tenths_of_the_excess_explains_those_above_it() -> None:
    organization, model = series(SeriesKind.ORGANIZATION, "", 100), series(SeriesKind.MODEL, "m", 90)
    project, key = series(SeriesKind.PROJECT, "p", 80, "p"), series(SeriesKind.API_KEY, "k", 70, "p")
    small, strange = series(SeriesKind.API_KEY, "s", 20, "p"), series(SeriesKind.API_KEY, "x", 79, "q")
    assert explained([organization, model, project, key, small]) == {organization: key, model: key, project: key}
    assert explained([organization, model, project, small]) == {organization: project, model: project}
    assert explained([organization, model, small]) == {organization: model}
    assert explained([project, strange]) == {}, "a key of another project"
    assert explained([organization, series(SeriesKind.PROJECT, "p", -80, "p")]) == {}, "less does not explain more"
    assert explained([organization, series(SeriesKind.PROJECT, "p", 80, "p", "eur")]) == {}, "another currency"
    assert explained([model, series(SeriesKind.PROJECT, "p", 700, "p")]) == {}, "a project that costs more for other models as well"
