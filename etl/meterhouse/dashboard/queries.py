"""The figures behind every chart: statements of sql/dashboard with their parameters, as typed rows of one moment, money as Decimal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, TypeVar

import psycopg
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier, Literal

from meterhouse.accounting.comparison import comparison
from meterhouse.answers.reading import read_answers, read_drivers, read_odd_days
from meterhouse.answers.rows import AnswerRows, Change, last_day
from meterhouse.catalogue.endpoints import USAGE
from meterhouse.dashboard.coverage import STEPS, CoveredSpan, StreamRow
from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.invented import OrganizationRow
from meterhouse.dashboard.month_figures import MonthFigures, SpendRow
from meterhouse.dashboard.sessions import Sessions
from meterhouse.dashboard.snapshot import (
    COSTS,
    REQUEST_ENDPOINTS,
    Choice,
    CostRow,
    DayRow,
    MonthRow,
    SavingsRow,
    Snapshot,
    TeamMonthRow,
    UsageRow,
    totals_width,
)
from meterhouse.dashboard.sources import PLAIN, Places, Source, cost_sources, places, usage_sources

Row = TypeVar("Row")
# What changes without a load, because somebody brings it in or a check finds it: what shows that, by view. A team has not all of them.
_BROUGHT = {
    "invoice_lines": "concat(count(*), max(v.imported_at_utc))",
    "team_assignments": "concat(count(*), max(v.imported_at_utc))",
    "budget_status": "md5(string_agg(v::text, ',' ORDER BY v::text))",
    "checks": "max(v.checked_at_utc)::text",
}
_THERE = "SELECT s.name FROM unnest(%s::text []) s (name) WHERE to_regclass(s.name) IS NOT NULL ORDER BY 1"
Grain = TypeVar("Grain", UsageRow, CostRow)


@cache
def statement(name: str, places: Places = PLAIN) -> bytes:
    """Return a statement of sql/dashboard with its calls of schema `place` filled in.

    The files name no schema: the search path of the session says which of the two is read.
    """
    text = resources.files("meterhouse.warehouse").joinpath("sql", "dashboard", f"{name}.sql").read_text()
    for place, source in asdict(places).items():
        text = text.replace(f"place.{place}()", source)
    return text.encode()


class Reader:
    """Reads schema bi as the role of `url`, or bi_team as a team's, in transactions that cannot write.

    With `team`, the session becomes that team's role, and sees what that was granted. A server keeps its sessions open between readers.
    """

    def __init__(self, url: str, team: str | None = None, *, keeps_sessions: bool = False) -> None:
        self._session = (sessions := Sessions(url, team, is_kept=keeps_sessions)).first
        self._second = sessions.second

    def version(self) -> str:
        """Return a text that changes when something was loaded, brought in or checked, or something else was granted."""
        with self._session() as (connection, granted):
            return granted + _version(connection, _rows(connection, "streams", StreamRow, {}))

    def ping(self) -> None:
        """Raise `TryAgainLater` or `FixConfiguration` unless the warehouse answers and has the views."""
        with self._session() as (connection, _):
            connection.execute("SELECT FROM costs_daily LIMIT 0")

    def snapshot(self, filters: Filters, kept: Callable[[str], Sequence[Snapshot]] = lambda _: ()) -> Snapshot:
        """Return all figures for `filters`, as of one moment; costs are read at the same time as usage if a second session is available.

        `kept` gives the snapshots that a version of the warehouse already has: what does not depend on the choice is taken from them.
        """
        with self._session() as (connection, granted):
            everything = _rows(connection, "streams", StreamRow, {})
            version = granted + _version(connection, everything)
            known = kept(version)
            like = next((one for one in known if replace(one.filters, compare=filters.compare, by=filters.by) == filters), None)
            if like is not None:
                same = next((one for one in known if one.filters == filters), None)
                return same or replace(like, filters=filters, drivers=_drivers(connection, like.answers, filters))
            streams = [one for one in everything if one.organization in filters.organizations or not filters.organizations]
            read = Snapshot(filters, version, streams=streams, choices=_choices(connection, known), is_of_a_team=bool(granted))
            with self._second(connection) as second, ThreadPoolExecutor(max_workers=1) as beside:
                if second is None:
                    return replace(read, **_usage(connection, read), **_answers(connection, read, known), **_costs(connection, read, known))
                costs = beside.submit(_costs, second, read, known)
                return replace(read, **_usage(connection, read), **_answers(connection, read, known), **costs.result())

    def saved(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot with what was saved, which takes as long as everything else: prices are looked up for every row."""
        with self._session() as (connection, _):
            # The planner takes the prices for one row, and would go through all of them for each row of usage.
            connection.execute("SET LOCAL enable_mergejoin = off")
            connection.execute("SET LOCAL enable_nestloop = off")
            return replace(snapshot, savings=_rows(connection, "savings", SavingsRow, snapshot.filters.parameters()))

    def month(self, month: date) -> MonthFigures:
        """Return the figures of a month that is over, given its first day."""
        filters = Filters(month, last_day(month))
        with self._session() as (connection, granted):
            return MonthFigures(
                month,
                read_answers(connection, month=month),
                tuple(_rows(connection, "month_spend", SpendRow, {"month": month})),
                tuple(_rows(connection, "organizations", OrganizationRow, filters.parameters(), places(filters))),
                is_of_a_team=bool(granted),
            )


def _rows(connection: psycopg.Connection[Any], name: str, row: type[Row], parameters: dict[str, Any], places: Places = PLAIN) -> list[Row]:
    with connection.cursor(row_factory=class_row(row)) as cursor:
        return cursor.execute(statement(name, places), parameters).fetchall()


def _grains(
    connection: psycopg.Connection[Any], sources: list[Source], row: type[Grain], parameters: dict[str, Any], filters: Filters
) -> list[Grain]:
    """Rows of every grain, each grain from the statement that its source names."""
    found = ((source, _rows(connection, source.statement, row, parameters, places(filters, source.rows))) for source in sources)
    return [one for source, rows in found for one in rows if one.grain in source.grains]


def _version(connection: psycopg.Connection[Any], streams: list[StreamRow]) -> str:
    loaded = (f"{one.organization}/{one.endpoint}/{one.bucket_width}/{one.last_loaded_at_utc}/{one.last_bucket_utc}" for one in streams)
    return ";".join([*loaded, *_brought(connection)])


def _brought(connection: psycopg.Connection[Any]) -> list[str]:
    there = [name for (name,) in connection.execute(_THERE, (list(_BROUGHT),)).fetchall()]
    parts = [SQL("SELECT {} || {} FROM {} v").format(Literal(f"{name}/"), SQL(_BROUGHT[name]), Identifier(name)) for name in there]
    return [str(said) for (said,) in connection.execute(SQL(" UNION ALL ").join(parts)).fetchall()] if parts else []


def _usage(connection: psycopg.Connection[Any], read: Snapshot) -> dict[str, Any]:
    """Fields of the snapshot that are no costs."""
    filters, chosen = read.filters, read.filters.parameters()
    only_hours = totals_width(read.streams) == "1h"
    endpoints = {
        "endpoints": list(REQUEST_ENDPOINTS),
        "input_endpoints": _reporting("input_tokens"),
        "output_endpoints": _reporting("output_tokens"),
        "hours_first": filters.usage_first,
    }
    widths = ["1h"] if only_hours else ["1d", "1h"] if filters.width == "hour" else ["1d"]
    # Those of the whole range, also where charts draw hours of a part of it.
    where = places(filters, "hour" if only_hours else "day")
    return {
        "usage": _grains(connection, usage_sources(filters, only_hours=only_hours), UsageRow, chosen | endpoints, filters),
        "usage_spans": [one for width in widths for one in _spans(connection, chosen | {"endpoints": list(REQUEST_ENDPOINTS)}, width)],
        "organizations": _rows(connection, "organizations", OrganizationRow, chosen, where),
    }


def _choices(connection: psycopg.Connection[Any], known: Sequence[Snapshot]) -> list[Choice]:
    """What can be chosen, whatever is."""
    return known[0].choices if known else _rows(connection, "choices", Choice, {})


def _answers(connection: psycopg.Connection[Any], read: Snapshot, known: Sequence[Snapshot]) -> dict[str, Any]:
    """Fields of the snapshot that come from views which hold a judgement: forecasts, budgets, changes and odd days.

    The answers do not depend on the chosen days, and some of their rows not on the projects either.
    """
    filters = read.filters
    of = filters.known_texts("organizations"), filters.known_texts("projects")
    alike = [one for one in known if one.filters.organizations == filters.organizations]
    same = next((one.answers for one in alike if one.filters.projects == filters.projects), None)
    whole = next((one.answers for one in alike), None)
    answers = same or read_answers(connection, organizations=of[0], projects=of[1], whole=whole)
    return {
        "answers": answers,
        "drivers": _drivers(connection, answers, filters),
        "odd_days": read_odd_days(connection, *of, filters.first, filters.last),
    }


def _drivers(connection: psycopg.Connection[Any], answers: AnswerRows, filters: Filters) -> tuple[Change, ...] | None:
    """The chosen comparison; the usual ones are among the rows of the answers."""
    found = tuple(one for one in answers.changes or () if (one.comparison, one.dimension) == (filters.compare, filters.by))
    of = filters.known_texts("organizations"), filters.known_texts("projects")
    return found or read_drivers(connection, *of, filters.compare, filters.by)


def _costs(connection: psycopg.Connection[Any], read: Snapshot, known: Sequence[Snapshot]) -> dict[str, Any]:
    """Fields of the snapshot that are costs."""
    chosen = read.filters.parameters()
    billed = [one.organization for one in read.streams if one.endpoint == COSTS and one.is_offered]
    found = connection.execute(statement("last_settled_day"), {"cost_organizations": billed}).fetchone()
    day: date | None = found[0] if found else None
    # As far back as comparisons reach.
    first = min([comparison(read.filters.first, read.filters.last, ()).before_first, *([day] if day else [])])
    last = max(read.filters.last, day or read.filters.last)
    wide = chosen | {"first": first, "last": last}
    where = places(read.filters)
    return {
        "costs": _grains(connection, cost_sources(read.filters), CostRow, chosen, read.filters),
        "months": _rows(connection, "months", MonthRow, chosen | {"cost_organizations": billed}, where),
        "recent_days": _rows(connection, "recent_days", DayRow, wide, where),
        "team_months": _team_months(connection, read, known),
        "cost_spans": _spans(connection, wide | {"endpoints": [COSTS]}, "1d"),
        "last_settled_day": day,
    }


def _team_months(connection: psycopg.Connection[Any], read: Snapshot, known: Sequence[Snapshot]) -> list[TeamMonthRow]:
    """Of whole months and organizations, whichever of their days and projects are chosen."""

    def of(filters: Filters) -> tuple[object, ...]:
        return filters.organizations, filters.first.replace(day=1), filters.last.replace(day=1)

    same = next((one for one in known if of(one.filters) == of(read.filters)), None)
    return same.team_months if same else _rows(connection, "team_months", TeamMonthRow, read.filters.parameters())


def _spans(connection: psycopg.Connection[Any], parameters: dict[str, Any], width: str) -> list[CoveredSpan]:
    return _rows(connection, "coverage", CoveredSpan, parameters | {"width": width, "step": STEPS[width]})


def _reporting(column: str) -> list[str]:
    return [one.name for one in USAGE if column in {metric.column for metric in one.metrics}]
