"""How often the rule for odd days is wrong, on invented years: false alarms of clean ones, and what is found of what was put in.

Every figure is from seeds, so it is the same on every machine. A minute:

.venv/bin/python benchmarks/anomaly_rates.py
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal

from meterhouse.accounting.anomalies import REACH_DAYS, OddDay, odd_days
from meterhouse.accounting.daily_series import SeriesKind

FIRST = date(2025, 3, 3)
YEAR = 365
PROJECTS = 20
FLOOR = Decimal(20)
# Cost of an ordinary weekday; a weekend is a third of it.
BASES = (60, 150, 400, 1500)
WEEKEND = 0.33
NOISE = 0.15

Costs = dict[date, Decimal]


def invented(chance: random.Random, base: float, *, noise: float = NOISE, growth: float = 0.0) -> Costs:
    """Return a clean series: a year that is judged, and before it what the rule looks back at."""
    costs = {}
    for number in range(REACH_DAYS + YEAR):
        day = FIRST + timedelta(days=number)
        usual = base * (WEEKEND if day.weekday() >= 5 else 1) * (1 + growth) ** number
        costs[day] = Decimal(repr(round(usual * math.exp(chance.gauss(0, noise)), 6)))
    return costs


def projects(seed: int, **options: float) -> list[Costs]:
    """Return the clean projects of one organization."""
    chance = random.Random(seed)  # noqa: S311  # invented figures, the same every time
    return [invented(chance, BASES[number % len(BASES)], **options) for number in range(PROJECTS)]


def total(series: list[Costs]) -> Costs:
    """Return what an organization costs."""
    return {day: sum((one[day] for one in series), Decimal(0)) for day in series[0]}


def found(costs: Mapping[date, Decimal], kind: SeriesKind = SeriesKind.PROJECT, days: list[date] | None = None) -> list[OddDay]:
    """Return the odd days of the year, or of `days`."""
    return odd_days(kind, "usd", costs, days or sorted(costs)[REACH_DAYS:], floor=FLOOR, before={})


def false_alarms() -> Iterator[tuple[str, float]]:
    """Yield what was judged, and its false alarms per series and year."""
    for seed in (1, 2, 3):
        clean = projects(seed)
        yield f"{PROJECTS} projects, seed {seed}", sum(len(found(costs)) for costs in clean) / PROJECTS
        yield f"their organization, seed {seed}", float(len(found(total(clean), SeriesKind.ORGANIZATION)))
    yield f"{PROJECTS} projects that grow by 0.3% a day, seed 4", sum(len(found(costs)) for costs in projects(4, growth=0.003)) / PROJECTS
    yield (
        f"{PROJECTS} organizations of one project, seed 5, the stricter limit",
        (sum(len(found(costs, SeriesKind.ORGANIZATION)) for costs in projects(5)) / PROJECTS),
    )


def detection() -> Iterator[tuple[str, float]]:
    """Yield what was put into clean projects, and the share that was found: of single days on the day, of steps within three days."""
    for times in ("1.5", "2", "3"):
        yield f"one day, any weekday, times {times}", _single_days(Decimal(times))
    for noise in (0.10, NOISE):
        for times in ("1.6", "2"):
            yield f"a step that stays, times {times}, noise {noise:.0%}", _steps(Decimal(times), noise)


def _single_days(times: Decimal) -> float:
    hits = tried = 0
    for costs in projects(6):
        # Every eleventh day: all weekdays come up as often.
        for day in sorted(costs)[REACH_DAYS::11]:
            hits += bool(found({**costs, day: costs[day] * times}, days=[day]))
            tried += 1
    return hits / tried


def _steps(times: Decimal, noise: float) -> float:
    hits = tried = 0
    for costs in projects(7, noise=noise):
        days = sorted(costs)
        for start in range(REACH_DAYS, len(days) - 3, 45):
            stepped = {day: cost * (times if day >= days[start] else 1) for day, cost in costs.items()}
            hits += bool(found(stepped, days=days[start : start + 3]))
            tried += 1
    return hits / tried


def report(alarms: Mapping[str, float], shares: Mapping[str, float]) -> str:
    """Return both tables as Markdown, as docs/answers.md has them."""
    lines = ["| clean year | false alarms per series and year |", "| --- | --- |"]
    lines += [f"| {what} | {rate:.2f} |" for what, rate in alarms.items()]
    lines += ["", "| planted | found |", "| --- | --- |"]
    lines += [f"| {what} | {share:.1%} |" for what, share in shares.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(f"{report(dict(false_alarms()), dict(detection()))}\n")
