"""Forecasts: what the month of an organization, its projects and its teams will cost, made again when what they are made from has changed.

Data flow: state of the settled days and of the teams differs from the one that is stored -> series of all days -> `accounting.forecast` ->
rows of the last settled day that differ are written. Those of earlier days stay as they are: they show how good the forecasts were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import Any

import psycopg

from meterhouse.accounting.daily_series import DailySeries, SeriesKind
from meterhouse.accounting.forecast import HISTORY_DAYS, Forecast, forecasts
from meterhouse.warehouse.daily_series import read_daily_series
from meterhouse.warehouse.last_step import last_step

# Part of what forecasts are made from: with other rules those of the last day are made again.
RULES = "2"
KINDS = (SeriesKind.ORGANIZATION, SeriesKind.PROJECT, SeriesKind.TEAM)


def forecast_costs(connection: psycopg.Connection[Any], organization_id: int) -> int:
    """Bring an organization's forecasts up to date, in a `last_step`; return how many series were forecast: 0 if nothing has changed."""
    with last_step(connection, "ops.forecast_days"):
        asked = {"organization_id": organization_id, "rules": RULES, "days": HISTORY_DAYS}
        found = connection.execute(_sql("state"), asked).fetchone()
        if found is None or found[1] == found[2]:
            return 0
        as_of, sources, _ = found
        series = read_daily_series(connection, organization_id, KINDS, as_of - timedelta(days=HISTORY_DAYS - 1), as_of)
        with connection.cursor() as cursor:
            cursor.executemany(_sql("store"), [_row(one, month) for one in series for month in forecasts(one)])
        day = {"organization_id": organization_id, "as_of_date": as_of}
        connection.execute(_sql("drop_gone"), day | _identities(series))
        connection.execute(_sql("remember_day"), day | {"sources": sources})
        return len(series)


def _row(series: DailySeries, month: Forecast) -> dict[str, object]:
    figures = {field.name: getattr(month, field.name) for field in fields(month)}
    return figures | {
        "organization_id": series.organization_id,
        "series_kind": series.kind.value,
        "series_key": series.key,
        "project_id": series.project_id,
        "currency": series.currency,
        "expected_cost": month.expected_cost,
        "model": month.model and month.model.value,
    }


def _identities(series: Sequence[DailySeries]) -> dict[str, list[object]]:
    return {
        "kinds": [one.kind.value for one in series],
        "keys": [one.key for one in series],
        "currencies": [one.currency for one in series],
    }


@cache
def _sql(name: str) -> bytes:
    return resources.files("meterhouse.warehouse").joinpath("sql", "forecasts", f"{name}.sql").read_bytes()
