"""Invented costs: a series of daily costs with weekdays, growth and noise, from a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from meterhouse.accounting.anomalies import REACH_DAYS, OddDay, odd_days
from meterhouse.accounting.daily_series import SeriesKind

FIRST = date(2025, 3, 3)
FLOOR = Decimal(20)


def invented(
    seed: int, days: int = 260, *, base: float = 400, noise: float = 0.15, weekend: float = 0.33, growth: float = 0
) -> list[Decimal]:
    """Return the costs of days in a row, the first of them a Monday."""
    chance = random.Random(seed)  # noqa: S311  # invented figures, the same every time
    return [
        Decimal(repr(round(base * (weekend if day % 7 >= 5 else 1) * (1 + growth) ** day * math.exp(chance.gauss(0, noise)), 6)))
        for day in range(days)
    ]


def dated(costs: list[Decimal]) -> dict[date, Decimal]:
    """Return costs by their days."""
    return {FIRST + timedelta(days=number): cost for number, cost in enumerate(costs)}


def found(
    costs: Mapping[date, Decimal],
    *,
    kind: SeriesKind = SeriesKind.PROJECT,
    since: int = REACH_DAYS,
    before: Mapping[date, Decimal] | None = None,
) -> list[OddDay]:
    """Return the odd days of a series, judged from its day number `since` on."""
    days = [day for day in costs if day >= FIRST + timedelta(days=since)]
    return odd_days(kind, "usd", costs, days, floor=FLOOR, before=before or {})
