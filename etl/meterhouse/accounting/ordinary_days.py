"""Ordinary days: what a day of a series of daily costs would ordinarily cost, by the eight weeks before it. Pure.

Everything is a median, on a logarithmic scale, so that no single day moves it: the effect of each weekday, the level of the last two
weeks, the slope from week to week, and the scatter around them. Days that were odd are left out until their level has held for a week.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations
from statistics import mean, median

HISTORY_DAYS = 56
MIN_KNOWN_DAYS = 42
_WEEK = 7
_MIN_DAYS_IN_WEEK = 5
_MIN_BASE_DAYS = 28
_LEVEL_DAYS = 14
# How many days of a week have to be at the level of an odd day for it to be the new normal.
_HELD_DAYS = 5
_SMALLEST_UNIT = 0.01
_SMALLEST_SCATTER = 0.10
# What turns a median absolute deviation, and the span without a tenth at either end, into a standard deviation, if the scatter is normal.
_OF_MEDIAN_DEVIATION = 1.4826
_OF_SPAN = 1 / 2.563
# No bill has sixteen digits, and the warehouse shows no more.
_LARGEST_COST = 1e15


@dataclass(frozen=True)
class Ordinary:
    """What was to be expected of a day. `middle` and `scatter` are logarithms, of costs counted in `unit`, units of currency."""

    middle: float
    scatter: float
    unit: float

    def cost_at(self, z: float) -> float:
        """Return the cost that is `z` deviations away from the middle, in units of currency; never negative."""
        return max(0.0, min(_LARGEST_COST, self.unit * math.expm1(min(self.middle + z * self.scatter, 300.0))))

    def deviations(self, cost: float) -> float:
        """Return how many deviations a cost is away from the middle."""
        return (_scaled(cost, self.unit) - self.middle) / self.scatter


@dataclass(frozen=True)
class _Run:
    """Days at a new level, which has held for a week: above the old one or below it."""

    days: Sequence[date]
    is_above: bool


def ordinary(known: Mapping[date, float], odd: Mapping[date, float], day: date) -> Ordinary | None:
    """Return what was to be expected of `day` from the known costs before it; None while there are too few of them.

    `odd` has the days that were found odd, each with the cost that was expected of it. Costs of `day` and later days are never looked at.
    """
    days = [one for one in days_before(day) if one in known]
    costs = [known[one] for one in days if known[one] > 0]
    if len(days) < MIN_KNOWN_DAYS or not costs:
        return None
    unit = max(_SMALLEST_UNIT, median(costs) / 100)
    scaled = {one: _scaled(known[one], unit) for one in days}
    expected = {one: _scaled(odd[one], unit) for one in days if one in odd}
    runs = _new_levels(scaled, expected, days, day) if expected else []
    held = {one for run in runs for one in run.days}
    base = {one: scaled[one] for one in days if one not in expected or one in held}
    return _fitted(_spliced(base, runs, day), day, unit) if len(base) >= _MIN_BASE_DAYS else None


def days_before(day: date, count: int = HISTORY_DAYS) -> list[date]:
    """Return the days before `day`, the oldest first."""
    return [day - timedelta(days=age) for age in range(count, 0, -1)]


def _scaled(cost: float, unit: float) -> float:
    return math.log1p(max(cost, 0.0) / unit)


def _fitted(base: Mapping[date, float], day: date, unit: float) -> Ordinary:
    effects = _weekday_effects(base, day)
    levels = {(day - one).days: value - effects.get(one.weekday(), 0.0) for one, value in base.items()}
    recent = sorted(levels)[:_LEVEL_DAYS]
    level, slope, age = median(levels[one] for one in recent), _slope(base, day), mean(recent)
    scatter = _scatter(sorted(value - level - slope * (age - one) for one, value in levels.items()))
    return Ordinary(level + slope * age + effects.get(day.weekday(), 0.0), scatter, unit)


def _scatter(residuals: Sequence[float]) -> float:
    """Return the standard deviation of sorted residuals by the larger of two robust estimates: each is at times too small by chance."""
    center, tenth = median(residuals), len(residuals) // 10
    by_median = _OF_MEDIAN_DEVIATION * median(abs(residual - center) for residual in residuals)
    return max(by_median, _OF_SPAN * (residuals[-1 - tenth] - residuals[tenth]), _SMALLEST_SCATTER)


def _weeks(base: Mapping[date, float], day: date) -> dict[int, dict[date, float]]:
    """Return the days of each week that has most of them, by how many weeks it is before `day`."""
    weeks: dict[int, dict[date, float]] = {}
    for one, value in base.items():
        weeks.setdefault(((day - one).days - 1) // _WEEK, {})[one] = value
    return {number: week for number, week in weeks.items() if len(week) >= _MIN_DAYS_IN_WEEK}


def _weekday_effects(base: Mapping[date, float], day: date) -> dict[int, float]:
    """Return by how much each weekday usually differs from the middle of its week."""
    found: dict[int, list[float]] = {}
    for week in _weeks(base, day).values():
        middle = median(week.values())
        for one, value in week.items():
            found.setdefault(one.weekday(), []).append(value - middle)
    return {weekday: median(differences) for weekday, differences in found.items()}


def _slope(base: Mapping[date, float], day: date) -> float:
    """Return the growth per day: the median of the growth between every two weeks (Theil and Sen)."""
    middles = {number: median(week.values()) for number, week in _weeks(base, day).items()}
    growths = [(middles[newer] - middles[older]) / (_WEEK * (older - newer)) for newer, older in combinations(sorted(middles), 2)]
    return median(growths) if growths else 0.0


def _new_levels(scaled: Mapping[date, float], expected: Mapping[date, float], days: Sequence[date], day: date) -> list[_Run]:
    """Return the new levels that have held for a week, in their order: most days of a week cost as much as an odd one among them."""
    effects = _weekday_effects({one: value for one, value in scaled.items() if one not in expected}, day)
    levels = {one: scaled[one] - effects.get(one.weekday(), 0.0) for one in days}
    runs: list[_Run] = []
    for week in (days[first : first + _WEEK] for first in range(len(days) - _WEEK + 1)):
        for one in (found for found in week if found in expected):
            half = (scaled[one] + expected[one]) / 2 - effects.get(one.weekday(), 0.0)
            is_above = scaled[one] > expected[one]
            held = [other for other in week if (levels[other] >= half if is_above else levels[other] <= half)]
            if len(held) >= _HELD_DAYS:
                if runs and runs[-1].is_above == is_above and held[0] <= runs[-1].days[-1]:
                    held = sorted({*runs.pop().days, *held})
                runs.append(_Run(held, is_above))
                break
    return runs


def _spliced(base: Mapping[date, float], runs: Sequence[_Run], day: date) -> dict[date, float]:
    """Return the days as if each new level had been there from the beginning."""
    spliced = dict(base)
    for run in runs:
        before = sorted(one for one in spliced if one < run.days[0])
        if not before:
            continue
        effects = _weekday_effects(spliced, day)
        old, new = (median(spliced[one] - effects.get(one.weekday(), 0.0) for one in side) for side in (before[-_LEVEL_DAYS:], run.days))
        spliced |= {one: spliced[one] + new - old for one in before}
    return spliced
