"""Large batches: once a month somebody runs everything through a model again, and a project costs three or four times as much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from random import Random

from meterhouse.fake_openai import lineup
from meterhouse.fake_openai.lineup import PICODOLLARS
from meterhouse.fake_openai.roster import Roster
from meterhouse.fake_openai.workloads import Stream

_KEY_NAME = "batch jobs"
_EARLIEST_DAY, _DAYS, _STEP = 21, 5, 2
_TO_A_WEEKDAY = {5: -1, 6: 1}
_LEAST_SHARE, _MORE_SHARE = 2.2, 0.8
_GIBIBYTE = 2**30


def large_batch_day(month: date) -> date:
    """Return the day of the large batch in the month of a date: a weekday from the 20th to the 26th.

    The batches are at most five weeks apart, and not on the same day in three months in a row, which would make them a rhythm.
    """
    day = month.replace(day=_EARLIEST_DAY + (month.year * 12 + month.month) * _STEP % _DAYS)
    return day + timedelta(days=_TO_A_WEEKDAY.get(day.weekday(), 0))


class LargeBatches:
    """Which stream is larger on which day (ordinal), and by how much."""

    def __init__(self, roster: Roster, streams: Mapping[str, Iterable[Stream]]) -> None:
        self._streams = [stream for of_endpoint in streams.values() for stream in of_endpoint]
        self._named = {key.id for key in roster.api_keys.values() if key.name.startswith(_KEY_NAME)}
        self._days: dict[int, tuple[int, float]] = {}

    def more_pace(self, stream: Stream, day: int) -> float:
        """Return what is added to the pace of a stream on `day`, before any growth; 0 on all days without a large batch of it."""
        if day not in self._days:
            self._days[day] = self._found(day)
        index, pace = self._days[day]
        return pace if stream.index == index else 0.0

    def _found(self, day: int) -> tuple[int, float]:
        """Return the index of the stream that is larger on `day`, and by what pace; no stream has the index -1."""
        if large_batch_day(date.fromordinal(day)).toordinal() != day:
            return -1, 0.0
        existing = [stream for stream in self._streams if stream.first_day <= day < stream.last_day]
        # By a person, so that costs by user show it too.
        batches = [stream for stream in existing if stream.dimensions.get("batch") and stream.payer[1] is not None]
        if not batches:
            return -1, 0.0
        largest = max(batches, key=lambda one: (one.payer[2] in self._named, _mean_cost_usd(one)))
        of_project = sum(_mean_cost_usd(one) for one in existing if one.payer[0] == largest.payer[0])
        share = _LEAST_SHARE + _MORE_SHARE * Random(f"large batch:{day}").random()
        return largest.index, largest.pace * share * of_project / _mean_cost_usd(largest)


def _mean_cost_usd(stream: Stream) -> float:
    """Return what a stream costs on a weekday before any growth, in USD."""
    if stream.endpoint == "vector_stores":
        return stream.pace / _GIBIBYTE * 24 * float(lineup.STORAGE_PRICE_PER_GIBIBYTE_HOUR)
    per_pace = (1.0, *stream.per_pace)
    of_one = sum(line.picodollars * per_pace[leaf] for line in stream.lines for leaf in line.leaves)
    return stream.pace * stream.weekday_chance * of_one / PICODOLLARS
