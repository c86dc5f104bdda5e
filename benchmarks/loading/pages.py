"""Seeded pages of completions by hour in the vendor's own shape, as files that the stand-in replays; the same bytes for the same seed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from benchmarks.large_organization import BUSY, CHANCE_ONE, DAYS, WEEKEND, Combination, Roster, chances

from meterhouse.catalogue.endpoints import COMPLETIONS, HOUR
from meterhouse.fake_openai.measures import metrics
from meterhouse.windows import Window, to_epoch

COMBINATIONS = 2_500
WITHOUT_USER = 0.04


@dataclass(frozen=True)
class Shape:
    """What is generated. `changed_share` of the rows have other figures than the same shape without it; `owner` ends every identifier."""

    first_day: date = date(2026, 10, 1)
    days: int = 20
    rows: int = 200_000
    seed: int = 7
    changed_share: float = 0.0
    owner: str = ""

    @property
    def window(self) -> Window:
        """The hours that are in it."""
        start = datetime(self.first_day.year, self.first_day.month, self.first_day.day, tzinfo=UTC)
        return Window(start, start + timedelta(days=self.days))

    @property
    def last_day(self) -> date:
        """The last day, included."""
        return self.first_day + timedelta(days=self.days - 1)

    @property
    def name(self) -> str:
        """A name for a folder."""
        changed = f"-changed-{self.changed_share}" if self.changed_share else ""
        return f"{self.first_day}-{self.days}-days-{self.rows}-rows-seed-{self.seed}{changed}{self.owner}"

    def first_days(self, days: int) -> Shape:
        """Return the shape of the first days only, with the same density of rows."""
        return replace(self, days=days, rows=self.rows * days // self.days)


@dataclass(frozen=True)
class Expected:
    """What a table holds that has all of a shape: its rows, and the sum of their output tokens."""

    rows: int
    output_tokens: int


class Completions:
    """The buckets of a shape, hour by hour; an hour does not depend on the hours before it."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        every = [one for one in Roster(shape.seed).combinations if one.endpoint == COMPLETIONS.name]
        drawn = Random(shape.seed).sample(every, COMBINATIONS)  # noqa: S311 - figures that come again are the point
        # Without their users some are the same, and no two rows of a bucket may be.
        named = {tuple(dimensions.values()): (one, dimensions) for one in drawn for dimensions in [self._named(one)]}
        self._combinations = [one for one, _ in named.values()]
        self._dimensions = [dimensions for _, dimensions in named.values()]
        self._chances = chances(self._combinations, shape.rows * DAYS // shape.days)

    def _named(self, one: Combination) -> dict[str, str | bool | None]:
        found: dict[str, str | bool | None] = {dimension.name: None for dimension in COMPLETIONS.dimensions}
        for name, value in one.dimensions.items():
            found[name] = f"{value}{self._shape.owner}" if name.endswith("_id") else value
        if one.group_id % 1000 < WITHOUT_USER * 1000:
            found["user_id"] = None
        return found

    def day(self, number: int) -> Iterator[dict[str, Any]]:
        """Yield the buckets of one day."""
        for hour in range(24):
            yield self._bucket(self._shape.window.start + timedelta(days=number, hours=hour))

    def _bucket(self, start: datetime) -> dict[str, Any]:
        busy = BUSY[start.hour] * (WEEKEND if start.isoweekday() > 5 else 1)
        rolls = [Random(f"{word} {self._shape.seed} {start}") for word in ("row", "change")]  # noqa: S311 - as above
        end = start + timedelta(seconds=HOUR.seconds)
        return {
            "object": "bucket",
            "start_time": to_epoch(start),
            "end_time": to_epoch(end),
            "results": list(self._rows(start, busy, *rolls)),
            "start_time_iso": start.isoformat(),
            "end_time_iso": end.isoformat(),
        }

    def _rows(self, start: datetime, busy: float, roll: Random, change: Random) -> Iterator[dict[str, Any]]:
        for one, dimensions, chance in zip(self._combinations, self._dimensions, self._chances, strict=True):
            if roll.random() * CHANCE_ONE >= chance * busy:
                continue
            requests = 1 + int(roll.random() * one.requests)
            text = int(requests * one.tokens_in * (0.5 + roll.random()))
            cached = text * one.cached_permille // 1000
            written = int(requests * one.tokens_out * (0.5 + roll.random()))
            if change.random() < self._shape.changed_share:
                written += 1 + requests
            leaves = (requests, text - cached, 0, 0, cached, 0, 0, 0, 0, written, 0, 0)
            yield {"object": COMPLETIONS.object, **metrics(COMPLETIONS.name, leaves, start.toordinal()), **dimensions}


@dataclass(frozen=True)
class Pages:
    """A shape that lies in a folder, ready to be replayed."""

    shape: Shape
    folder: Path
    expected: Expected


def made(home: Path, shape: Shape) -> Pages:
    """Return the pages of `shape`, which are generated unless `home` holds them."""
    folder, note = home / shape.name, home / f"{shape.name}.expected.json"
    if not note.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        completions = Completions(shape)
        rows = tokens = 0
        for number in range(shape.days):
            buckets = list(completions.day(number))
            results: Sequence[dict[str, Any]] = [row for bucket in buckets for row in bucket["results"]]
            rows += len(results)
            tokens += sum(row["output_tokens"] for row in results)
            (folder / f"{number:04d}.json").write_bytes(msgspec.json.encode(buckets))
        note.write_text(json.dumps(asdict(Expected(rows, tokens))))
    return Pages(shape, folder, Expected(**json.loads(note.read_text())))
