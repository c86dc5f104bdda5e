"""Anomalies: which settled days of an organization's costs were odd, brought up to date where costs have changed since they were judged.

Data flow: settled days whose costs differ from those they were judged by -> the costs of every series up to the newest day -> odd days
(`accounting.anomalies`) -> which of them explains which (`accounting.causes`) -> what differs from the stored rows is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

import psycopg

from meterhouse.accounting.anomalies import REACH_DAYS, OddDay, odd_days
from meterhouse.accounting.causes import KINDS, OddSeries, explained
from meterhouse.accounting.daily_series import SeriesKind
from meterhouse.setting_values import AmountByCurrency
from meterhouse.warehouse.daily_series import read_daily_series
from meterhouse.warehouse.last_step import last_step

# Part of what a day was judged by: with other rules every day is judged again.
RULES = "1"
# Days that are judged, counted back from the newest settled one; older ones keep what was found.
JUDGED_DAYS = 90
WITHDRAWN = "withdrawn"
_FIGURES = (
    "kind", "actual_cost", "expected_cost", "low_cost", "high_cost", "z_score", "reason", "explained_kind", "explained_key",
)  # fmt: skip

Identity = tuple[date, str, str, str | None, str | None]


@dataclass(frozen=True)
class Judged:
    """What was done: how many days were judged, and how many odd series were new, changed or withdrawn."""

    days: int
    new: int
    changed: int
    withdrawn: int


@dataclass(frozen=True)
class _Stored:
    """A stored row: what is odd about a day, under the names of its columns, with its state and its key."""

    figures: Mapping[str, object]
    state: str
    anomaly_id: int


def judge(connection: psycopg.Connection[Any], organization_id: int, floor: AmountByCurrency) -> Judged:
    """Bring an organization's odd days up to date; `floor` is the least amount worth a look.

    From the first day that changed on, all are judged, as each is judged by those before it. All in one `last_step`.
    """
    with last_step(connection, "ops.judged_days"):
        parameters = {"organization_id": organization_id, "rules": f"{RULES} {floor}", "days": JUDGED_DAYS - 1 + REACH_DAYS}
        settled = connection.execute(_sql("settled_days"), parameters).fetchall()
        first_judged = settled[-1][0] - timedelta(days=JUDGED_DAYS - 1) if settled else date.min
        changed = [(day, sources) for day, sources, is_judged in settled if day >= first_judged and not is_judged]
        if not changed:
            return Judged(0, 0, 0, 0)
        days = [day for day, _, _ in settled if day >= changed[0][0]]
        stored = _stored(connection, organization_id, changed[0][0] - timedelta(days=REACH_DAYS))
        found = _found(connection, organization_id, floor, [day for day, _, _ in settled], days, stored)
        done = _write(connection, organization_id, found, {key: row for key, row in stored.items() if key[0] in set(days)})
        remembered = {"organization_id": organization_id, "first_judged": first_judged}
        remembered |= {"days": [day for day, _ in changed], "sources": [sources for _, sources in changed]}
        connection.execute(_sql("remember_days"), remembered)
        return Judged(len(days), *done)


def _stored(connection: psycopg.Connection[Any], organization_id: int, first: date) -> dict[Identity, _Stored]:
    rows = connection.execute(_sql("stored"), {"organization_id": organization_id, "first": first})
    return {tuple(row[:5]): _Stored(dict(zip(_FIGURES, row[5:-2], strict=True)), row[-2], row[-1]) for row in rows}


def _found(
    connection: psycopg.Connection[Any],
    organization_id: int,
    floor: AmountByCurrency,
    settled: Sequence[date],
    days: Sequence[date],
    stored: Mapping[Identity, _Stored],
) -> dict[Identity, dict[str, object]]:
    """Return what is odd about `days`, series by series, with the figures of each as they are stored."""
    known = [day for day in settled if day >= days[0] - timedelta(days=REACH_DAYS)]
    before: dict[tuple[Any, ...], dict[date, Decimal]] = {}
    for (day, *whose), row in stored.items():
        if day < days[0] and row.state != WITHDRAWN:
            before.setdefault(tuple(whose), {})[day] = Decimal(str(row.figures["expected_cost"]))
    odd: dict[date, dict[OddSeries, OddDay]] = {}
    for series in read_daily_series(connection, organization_id, KINDS, known[0], days[-1]):
        # Costs without a project, model or key are part of the organization's.
        if not series.key and series.kind is not SeriesKind.ORGANIZATION:
            continue
        costs = {day: cost for day in known if (cost := series.settled_cost(day)) is not None}
        earlier = before.get((series.kind, series.key, series.project_id, series.currency), {})
        for one in odd_days(series.kind, series.currency or "", costs, days, floor=floor.of(series.currency), before=earlier):
            odd.setdefault(one.day, {})[OddSeries(series.kind, series.key, series.project_id, series.currency, one.excess)] = one
    return {
        (day, str(whose.kind), whose.key, whose.project_id, whose.currency): _figures(one, causes.get(whose))
        for day, of_day in odd.items()
        for causes in [explained(list(of_day))]
        for whose, one in of_day.items()
    }


def _figures(one: OddDay, cause: OddSeries | None) -> dict[str, object]:
    what = (str(one.kind), one.cost, one.expected, one.low, one.high, one.z, one.reason, cause and str(cause.kind), cause and cause.key)
    return dict(zip(_FIGURES, what, strict=True))


def _write(
    connection: psycopg.Connection[Any],
    organization_id: int,
    found: Mapping[Identity, dict[str, object]],
    stored: Mapping[Identity, _Stored],
) -> tuple[int, int, int]:
    """Write what differs from the stored rows of the judged days; return how many were new, changed and withdrawn."""
    new = [{**_named(key), **figures, "organization_id": organization_id} for key, figures in found.items() if key not in stored]
    changed = [
        {**figures, "state": _state(row, figures), "anomaly_id": row.anomaly_id}
        for key, figures in found.items()
        if (row := stored.get(key)) and (row.state == WITHDRAWN or row.figures != figures)
    ]
    gone = [row.anomaly_id for key, row in stored.items() if key not in found and row.state != WITHDRAWN]
    _each(connection, "insert", new)
    _each(connection, "update", changed)
    if gone:
        connection.execute(_sql("withdraw"), {"anomaly_ids": gone})
    return len(new), len(changed), len(gone)


def _named(key: Identity) -> dict[str, object]:
    return dict(zip(("usage_date", "series_kind", "series_key", "project_id", "currency"), key, strict=True))


def _state(row: _Stored, figures: Mapping[str, object]) -> str:
    """Updated, if the day itself is another: what was expected of it may move with the days before it."""
    is_same = all(row.figures[name] == figures[name] for name in ("kind", "actual_cost"))
    return row.state if is_same and row.state != WITHDRAWN else "updated"


def _each(connection: psycopg.Connection[Any], name: str, rows: Iterable[Mapping[str, object]]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(_sql(name), list(rows))


@cache
def _sql(name: str) -> bytes:
    return resources.files("meterhouse.warehouse").joinpath("sql", "anomalies", f"{name}.sql").read_bytes()
