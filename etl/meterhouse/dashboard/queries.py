"""The figures behind every chart: statements of sql/dashboard with their parameters, as typed rows of one moment, money as Decimal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, cached_property
from importlib import resources
from typing import Any, TypeVar

import psycopg
from psycopg.rows import class_row

from meterhouse.dashboard.filters import WIDTHS, Filters
from meterhouse.dashboard.forecast import FORECAST_DAYS
from meterhouse.dashboard.invented import OrganizationRow
from meterhouse.dashboard.sources import PLAIN, Places, Source, cost_sources, places, usage_sources
from meterhouse.endpoints import USAGE
from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.tables import BI, TEAM

Row = TypeVar("Row")
UNNAMED = "(not reported)"

# web_search_calls repeats requests of the model's endpoint.
REQUEST_ENDPOINTS = tuple(
    one.name for one in USAGE if one.name != "web_search_calls" and "requests" in {metric.column for metric in one.metrics}
)
# A reader's session may undo its role's defaults, so they are set again: nothing is written, nothing runs for minutes.
_SESSION = "-c default_transaction_read_only=on -c statement_timeout=60s -c timezone=UTC -c jit=off"
# The same views, everything first: a team's role may use the second schema alone.
_SCHEMAS = (BI, TEAM)
_USABLE = """
SELECT s.name, to_regnamespace(s.name) IS NOT NULL, coalesce(has_schema_privilege(to_regnamespace(s.name)::oid, 'USAGE'), false)
FROM unnest(%s::text []) s (name)
"""
_QUALIFIER = re.compile(rf"\b{BI}\.")
# What a team was granted; every organization has a member for rows without a project, so nothing means no project at all.
_GRANTED = "SELECT md5(string_agg(d.project_key, ',' ORDER BY d.project_key)) FROM dim_project d"
NO_RIGHT = f"the role may not read schema {BI}: grant it meterhouse_reader, or some projects alone, in {TEAM}, with meterhouse grant-team"


@dataclass(frozen=True)
class UsageRow:
    """Requests and tokens of one bucket, model and project, key, user, or of all (`grain`); None: nothing is known.

    What went through batches may not be told by key and user.
    """

    grain: str
    bucket: datetime | None
    model: str | None
    project_id: str | None
    api_key_id: str | None
    user_id: str | None
    requests: int | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cacheable_tokens: int | None
    batch_tokens: int | None
    batchable_tokens: int | None
    unknown_requests: int
    unknown_tokens: int
    row_count: int


@dataclass(frozen=True)
class CostRow:
    """Billed amount in one currency of one day, day and model, line item, project, key, or of all (`grain`); None: nothing is known."""

    grain: str
    currency: str
    usage_date: date | None
    model: str | None
    line_item: str | None
    project_id: str | None
    api_key_id: str | None
    cost: Decimal | None
    unknown_costs: int
    row_count: int


Grain = TypeVar("Grain", UsageRow, CostRow)


@dataclass(frozen=True)
class MonthRow:
    """Billed amount of a calendar month in one currency."""

    month_start: date
    currency: str
    cost: Decimal | None
    unknown_costs: int
    is_complete: bool


@dataclass(frozen=True)
class DayRow:
    """Billed amount of a day in one currency."""

    usage_date: date
    currency: str
    cost: Decimal | None


@dataclass(frozen=True)
class ChangeRow:
    """A project's billed amount on a day and on the day before."""

    currency: str
    project_id: str | None
    cost: Decimal
    cost_before: Decimal
    unknown_costs: int


@dataclass(frozen=True)
class CoverageRow:
    """Whether anything of a bucket was loaded, and whether all of it was over and read."""

    dataset: str
    bucket: datetime
    is_loaded: bool
    is_complete: bool


@dataclass(frozen=True)
class FreshnessRow:
    """How far usage or costs are loaded in one bucket width."""

    dataset: str
    bucket_width: str
    loaded_until_utc: datetime | None
    last_loaded_at_utc: datetime | None
    first_bucket_utc: datetime | None
    last_bucket_utc: datetime | None
    missing_bucket_count: int


@dataclass(frozen=True)
class Choice:
    """A member of a dimension: what a filter sends, and what people read."""

    dimension: str
    value: str
    label: str
    belongs_to: str | None


@dataclass(frozen=True)
class Snapshot:
    """Everything that the page shows for one choice, read in one transaction."""

    filters: Filters
    version: str
    usage: list[UsageRow] = field(default_factory=list)
    costs: list[CostRow] = field(default_factory=list)
    months: list[MonthRow] = field(default_factory=list)
    changes: list[ChangeRow] = field(default_factory=list)
    recent_days: list[DayRow] = field(default_factory=list)
    coverage: list[CoverageRow] = field(default_factory=list)
    freshness: list[FreshnessRow] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    organizations: list[OrganizationRow] = field(default_factory=list)
    last_complete_day: date | None = None
    is_of_a_team: bool = False

    @property
    def has_costs(self) -> bool:
        """Whether costs can be told for this choice: the vendor does not bill by user."""
        return not self.filters.users

    @cached_property
    def currencies(self) -> list[str]:
        """Currencies of the chosen rows, US dollars first."""
        found = {row.currency for row in self.costs} | {row.currency for row in self.months}
        return sorted(found, key=lambda code: (code != "usd", code == "", code))

    @cached_property
    def currency(self) -> str:
        """The currency of every chart: the chosen one where there is any of it, else the first."""
        found = self.currencies
        return self.filters.currency if self.filters.currency in found else (found or ["usd"])[0]

    def names(self, dimension: str) -> dict[str, str]:
        """Return what people read for each value of a dimension; no two values share a name."""
        members = [one for one in self.choices if one.dimension == dimension]
        plain = {one.value: _name(one) for one in members}
        times: dict[str, int] = {}
        for name in plain.values():
            times[name] = times.get(name, 0) + 1
        return {value: name if times[name] == 1 else f"{name} ({value[-6:]})" for value, name in plain.items()}


def _name(choice: Choice) -> str:
    if not choice.value:
        return UNNAMED
    return f"{choice.label} · {choice.belongs_to}" if choice.belongs_to and choice.label != choice.value else choice.label


@cache
def statement(name: str, places: Places = PLAIN) -> bytes:
    """Return a statement of sql/dashboard with what its words in braces stand for.

    The files name schema bi. Here the name is taken off: the session's search path says which of the two schemas is read.
    """
    text = resources.files("meterhouse").joinpath("sql", "dashboard", f"{name}.sql").read_text()
    for place, source in asdict(places).items():
        text = text.replace(f"{{{place}}}", source)
    return _QUALIFIER.sub("", text).encode()


class Reader:
    """Reads schema bi as the role of `url`, or bi_team as a team's, in transactions that cannot write."""

    def __init__(self, url: str) -> None:
        self._url = url

    def version(self) -> str:
        """Return a text that changes when something was loaded, or something else was granted."""
        with self._session() as (connection, granted):
            return granted + _version(_rows(connection, "freshness", FreshnessRow, {"organizations": None}))

    def ping(self) -> None:
        """Raise `TryAgainLater` or `FixConfiguration` unless the warehouse answers and has the views."""
        with self._session() as (connection, _):
            connection.execute("SELECT FROM costs_daily LIMIT 0")

    def snapshot(self, filters: Filters) -> Snapshot:
        """Return all figures for `filters`, as of one moment."""
        with self._session() as (connection, granted):
            found = _snapshot(connection, filters)
        return replace(found, version=granted + found.version, is_of_a_team=bool(granted))

    @contextmanager
    def _session(self) -> Iterator[tuple[psycopg.Connection[Any], str]]:
        """A transaction in the schema that the role may use, and a text for what a team was granted: none for everything."""
        try:
            with psycopg.connect(self._url, connect_timeout=10, application_name="meterhouse dashboard", options=_SESSION) as connection:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                yield connection, _enter(connection)
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InvalidSchemaName):
            raise FixConfiguration("the warehouse lacks views that this version needs: run meterhouse migrate") from None
        except psycopg.errors.InsufficientPrivilege:
            raise FixConfiguration(NO_RIGHT) from None
        except psycopg.errors.QueryCanceled:
            raise TryAgainLater("the warehouse took longer than a minute: choose fewer days") from None
        except psycopg.OperationalError as error:
            # A refused connection has no code; a team that lost its last project may not even connect.
            if "permission denied for database" in str(error):
                raise FixConfiguration(NO_RIGHT) from None
            raise TryAgainLater("the warehouse does not answer: is it running, and is its address right?") from None


def _enter(connection: psycopg.Connection[Any]) -> str:
    """Point the session at the first schema that its role may use; return what tells one grant of projects from another, none for bi."""
    found = {name: (exists, usable) for name, exists, usable in connection.execute(_USABLE, (list(_SCHEMAS),))}
    schema = next((name for name in _SCHEMAS if found[name][1]), None)
    if schema is None:
        raise psycopg.errors.InsufficientPrivilege if found[BI][0] else psycopg.errors.InvalidSchemaName
    connection.execute("SELECT set_config('search_path', %s, false)", (schema,))
    if schema == BI:
        return ""
    (granted,) = connection.execute(_GRANTED).fetchone() or (None,)
    if granted is None:
        raise FixConfiguration("the role is of no team that was granted a project: run meterhouse grant-team")
    return f"{granted};"


def _rows(connection: psycopg.Connection[Any], name: str, row: type[Row], parameters: dict[str, Any], places: Places = PLAIN) -> list[Row]:
    with connection.cursor(row_factory=class_row(row)) as cursor:
        return cursor.execute(statement(name, places), parameters).fetchall()


def _grains(
    connection: psycopg.Connection[Any], sources: list[Source], row: type[Grain], parameters: dict[str, Any], filters: Filters
) -> list[Grain]:
    """Rows of every grain, each grain from the statement that its source names."""
    found = ((source, _rows(connection, source.statement, row, parameters, places(filters))) for source in sources)
    return [one for source, rows in found for one in rows if one.grain in source.grains]


def _version(rows: list[FreshnessRow]) -> str:
    return ";".join(f"{row.dataset}/{row.bucket_width}/{row.last_loaded_at_utc}/{row.last_bucket_utc}" for row in rows)


def _snapshot(connection: psycopg.Connection[Any], filters: Filters) -> Snapshot:
    chosen = filters.parameters()
    everything = _rows(connection, "freshness", FreshnessRow, {"organizations": None})
    endpoints = {
        "endpoints": list(REQUEST_ENDPOINTS),
        "input_endpoints": _reporting("input_tokens"),
        "output_endpoints": _reporting("output_tokens"),
        "width": WIDTHS[filters.width],
    }
    usage_days = {"first": filters.usage_first}
    usage = _grains(connection, usage_sources(filters), UsageRow, chosen | endpoints | usage_days, filters)
    coverage = _rows(connection, "coverage", CoverageRow, chosen | endpoints)
    freshness = _rows(connection, "freshness", FreshnessRow, chosen)
    choices = _rows(connection, "choices", Choice, {})
    organizations = _rows(connection, "organizations", OrganizationRow, chosen | usage_days, places(filters))
    found = connection.execute(statement("last_complete_day"), chosen).fetchone()
    day: date | None = found[0] if found else None
    read = Snapshot(
        filters, _version(everything), usage, coverage=coverage, freshness=freshness, choices=choices, organizations=organizations,
        last_complete_day=day,
    )  # fmt: skip
    return _with_costs(connection, read, chosen) if read.has_costs else read


def _with_costs(connection: psycopg.Connection[Any], read: Snapshot, chosen: dict[str, Any]) -> Snapshot:
    day = read.last_complete_day
    needed = [day.replace(day=1), day - timedelta(days=FORECAST_DAYS - 1)] if day else []
    first = min([read.filters.before().first, *needed])
    last = max(read.filters.last, day or read.filters.last)
    where = places(read.filters)
    return replace(
        read,
        costs=_grains(connection, cost_sources(read.filters), CostRow, chosen, read.filters),
        months=_rows(connection, "months", MonthRow, chosen, where),
        changes=_rows(connection, "changes", ChangeRow, chosen | {"day": day}, where) if day else [],
        recent_days=_rows(connection, "recent_days", DayRow, chosen | {"first": first, "last": last}, where),
    )


def _reporting(column: str) -> list[str]:
    return [one.name for one in USAGE if column in {metric.column for metric in one.metrics}]
