"""Reading the rows behind the answers: statements of sql/answers with their parameters, in the caller's transaction and schema.

The files name no schema: the session's search path says whether everything is read (bi) or what a team was granted (bi_team). Not every
view is in the second one; what is not there is None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any

import psycopg
from psycopg.rows import class_row

from meterhouse.answers.rows import (
    AnswerRows,
    Budget,
    Change,
    CheckResult,
    DayCost,
    ForecastMiss,
    LoadedCosts,
    MonthForecast,
    MonthToDate,
    OddDay,
    TieOut,
    last_day,
    odd_days_span,
    settled_through,
)
from meterhouse.warehouse.schema import TEAM

# Which view each statement reads, and the rows that it gives.
_SOURCES: Mapping[str, tuple[str, type[Any]]] = {
    "month_to_date": ("spend_month_to_date", MonthToDate),
    "forecasts": ("cost_forecast", MonthForecast),
    "forecast_misses": ("forecast_accuracy", ForecastMiss),
    "budgets": ("budget_status", Budget),
    "changes": ("cost_changes", Change),
    "odd_days": ("cost_anomalies", OddDay),
    "loaded_costs": ("freshness", LoadedCosts),
    "tie_outs": ("invoice_tie_out", TieOut),
    "check_results": ("checks", CheckResult),
    "days": ("costs_daily_by_project", DayCost),
}

# What a choice of projects does not change.
_OF_ORGANIZATIONS = ("loaded_costs", "tie_outs", "check_results")


def read_answers(
    connection: psycopg.Connection[Any],
    *,
    organizations: Sequence[str] = (),
    projects: Sequence[str] = (),
    month: date | None = None,
    whole: AnswerRows | None = None,
) -> AnswerRows:
    """Return the rows for some organizations and projects, none chosen is all of them; of `month`, its first day, or of the current one.

    A choice of projects leaves out what is of a whole organization: its forecast, its budgets, and what models changed. `whole` are the
    rows for the same organizations and month and another choice of projects: what does not depend on projects is taken from them.
    """
    (schema,) = connection.execute("SELECT current_schema()").fetchone() or (None,)
    chosen = {
        "organizations": list(organizations) or None,
        "projects": list(projects) or None,
        # The series of a whole organization holds more than a team sees.
        "by_project": bool(projects) or schema == TEAM,
        "month": month,
    }
    known = {name: getattr(whole, name) for name in _OF_ORGANIZATIONS} if whole else {}
    loaded = known["loaded_costs"] if whole else _rows(connection, "loaded_costs", chosen)
    through = settled_through(tuple(loaded or ()))
    odd = odd_days_span(month, through) or (None, None)
    last = last_day(month) if month else through
    # From the first day of the month before, for the pictures of two months, and as far as unusual days are looked for.
    first = last and min((last.replace(day=1) - timedelta(days=1)).replace(day=1), odd[0] or last)
    spans: dict[str, dict[str, object]] = {
        "days": {"first": first, "last": last},
        "odd_days": {"first": odd[0], "last": odd[1]},
        "changes": _compared(["month"] if month else ["month_to_date", "week"], ["project", "model"], month),
    }
    read = (name for name in _SOURCES if name not in known and name != "loaded_costs")
    found = {name: _rows(connection, name, chosen | spans.get(name, {})) for name in read}
    return AnswerRows(month, is_of_projects=bool(chosen["by_project"]), **found | known | {"loaded_costs": loaded})


def read_drivers(
    connection: psycopg.Connection[Any], organizations: Sequence[str], projects: Sequence[str], comparison: str, dimension: str
) -> tuple[Change, ...] | None:
    """Return what each member of a dimension added to a change; None where the role may not see that."""
    parameters = {"organizations": list(organizations) or None, "projects": list(projects) or None}
    return _rows(connection, "changes", parameters | _compared([comparison], [dimension]))


def _compared(comparisons: list[str], dimensions: list[str], period_first_date: date | None = None) -> dict[str, object]:
    return {"comparisons": comparisons, "dimensions": dimensions, "period_first_date": period_first_date}


def read_odd_days(
    connection: psycopg.Connection[Any], organizations: Sequence[str], projects: Sequence[str], first: date, last: date
) -> tuple[OddDay, ...] | None:
    """Return the unusual days that faces show between two days; None where the role may not see them."""
    parameters = {"organizations": list(organizations) or None, "projects": list(projects) or None}
    return _rows(connection, "odd_days", parameters | {"first": first, "last": last})


def _rows(connection: psycopg.Connection[Any], name: str, parameters: Mapping[str, Any]) -> tuple[Any, ...] | None:
    view, row = _SOURCES[name]
    (is_there,) = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (view,)).fetchone() or (False,)
    if not is_there:
        return None
    with connection.cursor(row_factory=class_row(row)) as cursor:
        return tuple(cursor.execute(_statement(name), parameters).fetchall())


@cache
def _statement(name: str) -> bytes:
    return resources.files("meterhouse.warehouse").joinpath("sql", "answers", f"{name}.sql").read_bytes()
