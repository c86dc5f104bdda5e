"""Forecast models: three rules, simplest first, that say what the days after some whole weeks will cost. Pure.

Weeks end on the weekday of the last known day, so that the days ahead are the same weekdays wherever a model starts from. A model looks
only at the weeks up to there.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from itertools import combinations
from typing import Generic, TypeVar

# Floats to try a model many times, decimals for the figure that people read.
Amount = TypeVar("Amount", float, Decimal)

WEEK = 7
# How many weeks the usual share of a weekday and the trend come from, and how many the usual week.
SHARE_WEEKS = 8
LEVEL_WEEKS = 3


class ForecastModel(StrEnum):
    """The models; of two that are equally good the first is chosen."""

    MEAN_OF_7 = "mean_of_7"
    WEEKDAY = "weekday"
    WEEKDAY_TREND = "weekday_trend"


class PastWeeks(Generic[Amount]):
    """The days of a series, in whole weeks up to the last known day. All amounts are in the series' currency."""

    def __init__(self, days: Sequence[Amount | None], nothing: Amount) -> None:
        """Take the days in order, None for one that is not known; those before the first whole week are left out. `nothing` is zero."""
        self._nothing: Amount = nothing
        self._days: Sequence[Amount | None] = days[len(days) % WEEK :]
        self._weeks: list[list[Amount]] = [_known(self._days[start : start + WEEK]) for start in range(0, len(self._days), WEEK)]
        self._totals: list[Amount | None] = [sum(week, nothing) if len(week) == WEEK else None for week in self._weeks]
        self._usual: dict[int, list[Amount]] = {}

    @property
    def count(self) -> int:
        """How many weeks there are."""
        return len(self._totals)

    def actual(self, weeks: int, days_ahead: int) -> Amount | None:
        """Return what the days after the first `weeks` weeks cost; None if one of them is not known."""
        known = _known(self._days[weeks * WEEK : weeks * WEEK + days_ahead])
        return sum(known, self._nothing) if len(known) == days_ahead else None

    def forecast(self, model: ForecastModel, weeks: int, days_ahead: int) -> Amount | None:
        """Return what a model, knowing only the first `weeks` weeks, expects the days after them to cost.

        None if the last of these weeks is not known whole, or for other models than the mean, fewer than three of the last eight.
        """
        last_week = self._totals[weeks - 1] if weeks else None
        if last_week is None:
            return None
        if model is ForecastModel.MEAN_OF_7:
            return last_week * days_ahead / WEEK
        known = [(week, total) for week in range(max(0, weeks - SHARE_WEEKS), weeks) if (total := self._totals[week]) is not None]
        if len(known) < LEVEL_WEEKS:
            return None
        level_weeks = known[-LEVEL_WEEKS:]
        level = _middle([total for _, total in level_weeks])
        ahead = [level] * -(-days_ahead // WEEK)
        if model is ForecastModel.WEEKDAY_TREND:
            # Half of the trend: growth seldom goes on for as long as it did.
            growth, centre = _slope(known) / 2, level_weeks[LEVEL_WEEKS // 2][0]
            ahead = [level + growth * (weeks + place - centre) for place in range(len(ahead))]
            if level >= 0:
                ahead = [max(total, self._nothing) for total in ahead]
        whole, rest = divmod(days_ahead, WEEK)
        part = sum(self._usual_shares(weeks)[:rest], self._nothing) * ahead[-1] if rest else self._nothing
        return sum(ahead[:whole], part)

    def _usual_shares(self, weeks: int) -> list[Amount]:
        """The usual share of each day of a week, over the last weeks that cost something; even where there is none."""
        if weeks not in self._usual:
            shares = [week for week in self._shares[max(0, weeks - SHARE_WEEKS) : weeks] if week]
            usual = [_middle(list(share)) for share in zip(*shares, strict=True)]
            whole = sum(usual, self._nothing)
            even = [(self._nothing + 1) / WEEK] * WEEK
            self._usual[weeks] = [share / whole for share in usual] if whole > 0 else even
        return self._usual[weeks]

    @cached_property
    def _shares(self) -> list[list[Amount]]:
        return [
            [day / total for day in week] if total is not None and total != 0 else []
            for week, total in zip(self._weeks, self._totals, strict=True)
        ]


def _known(days: Sequence[Amount | None]) -> list[Amount]:
    return [day for day in days if day is not None]


def _slope(known: Sequence[tuple[int, Amount]]) -> Amount:
    """The median of the slopes per week between all pairs (Theil and Sen): a single odd week does not move it."""
    return _middle([(last - first) / (end - start) for (start, first), (end, last) in combinations(known, 2)])


def _middle(amounts: list[Amount]) -> Amount:
    """The median, as statistics.median, which takes several times as long for a few."""
    amounts.sort()
    half = len(amounts) // 2
    return amounts[half] if len(amounts) % 2 else (amounts[half - 1] + amounts[half]) / 2
