"""The rows that an export writes: of one view, those that a selection names, read with a server-side cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from meterhouse.errors import FixConfiguration
from meterhouse.export.focus_names import focus_name
from meterhouse.warehouse.database import Connection
from meterhouse.warehouse.view_reach import VIEW_NAMES

ROWS_AT_A_TIME = 20_000
# How an instant is asked for where a format knows no zones: as a UTC clock time.
NO_ZONES = {"timestamp with time zone": "({} AT TIME ZONE 'UTC')"}

# Called with the rows written so far and the rows there are.
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Selection:
    """Which rows: days from `first` to `last`, both included, and values of `project_id` and `organization`; empty means all.

    A view by month is chosen from by the first day of the month.
    """

    first: date | None = None
    last: date | None = None
    projects: Sequence[str] = ()
    organizations: Sequence[str] = ()


@dataclass(frozen=True)
class Column:
    """A column as the server describes it; a numeric's modifier holds its precision and scale. `heading` is its name in the file."""

    name: str
    type: str
    modifier: int
    heading: str


@dataclass(frozen=True)
class Written:
    """What a format has written: the number of rows, and what is left to do that needs no rows any more."""

    rows: int
    finish: Callable[[], object] | None = None


class Source:
    """The rows of one view that a selection names, with the view's own names or those of FOCUS; `report` gets how many are written."""

    def __init__(
        self, connection: Connection, view: str, selection: Selection, report: Report | None = None, *, is_focus: bool = False
    ) -> None:
        self.connection = connection
        self.view = view
        self.is_focus = is_focus
        self._report = report
        self._total: int | None = None
        self.columns = self._described()
        self._where = self._conditions(selection)

    def count(self) -> int:
        """Count the rows, once."""
        if self._total is None:
            found = self.connection.execute(SQL("SELECT count(*) FROM bi.{}{}").format(Identifier(self.view), self._where)).fetchone()
            self._total = int(found[0]) if found else 0
        return self._total

    def columns_between(self, low: Decimal, high: Decimal) -> list[str]:
        """Return the numeric columns that hold a value above `low` and below `high`, by their names in the file."""
        numeric = [column for column in self.columns if column.type == "numeric"]
        if not numeric:
            return []
        found = [SQL("coalesce(bool_or({0} > {1} AND {0} < {2}), false)").format(Identifier(one.name), low, high) for one in numeric]
        query = SQL("SELECT {} FROM bi.{}{}").format(SQL(", ").join(found), Identifier(self.view), self._where)
        row = self.connection.execute(query).fetchone() or ()
        return [column.heading for column, is_held in zip(numeric, row, strict=True) if is_held]

    def tell(self, done: int) -> None:
        """Report the rows written so far; they are to be counted before the first one is read."""
        if self._report:
            self._report(done, self._total or 0)

    def batches(self, shapes: Mapping[str, str]) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows in pieces; `shapes` as in `query`."""
        done = 0
        with self.connection.cursor(name="export") as cursor:
            cursor.execute(self.query(shapes))
            while rows := cursor.fetchmany(ROWS_AT_A_TIME):
                yield rows
                done += len(rows)
                self.tell(done)

    def query(self, shapes: Mapping[str, str]) -> Composed:
        """Return the rows as a query; `shapes` says by type how a column is written in it."""
        chosen = [
            SQL("{} AS {}").format(SQL(shapes.get(column.type, "{}")).format(Identifier(column.name)), Identifier(column.heading))
            for column in self.columns
        ]
        return SQL("SELECT {} FROM bi.{}{}").format(SQL(", ").join(chosen), Identifier(self.view), self._where)

    def _conditions(self, selection: Selection) -> Composable:
        if selection.first and selection.last and selection.first > selection.last:
            raise FixConfiguration(f"--from {selection.first} is after --to {selection.last}: swap them")
        conditions: list[Composable] = []
        if selection.first or selection.last:
            day = self._column_for("--from and --to", ("usage_date", "month_start"))
            conditions += [SQL("{} >= {}").format(day, Literal(selection.first))] if selection.first else []
            conditions += [SQL("{} <= {}").format(day, Literal(selection.last))] if selection.last else []
        if selection.projects:
            column = self._column_for("--where-project", ("project_id", "sub_account_id"))
            conditions.append(SQL("{} = ANY({})").format(column, Literal(list(selection.projects))))
        if selection.organizations:
            column = self._column_for("--where-organization", ("organization", "organization_key", "billing_account_name"))
            conditions.append(SQL("{} = ANY({})").format(column, Literal(list(selection.organizations))))
        return SQL(" WHERE ") + SQL(" AND ").join(conditions) if conditions else SQL("")

    def _column_for(self, option: str, names: tuple[str, ...]) -> Identifier:
        """The first of these columns that the view has."""
        for name in names:
            if any(column.name == name for column in self.columns):
                return Identifier(name)
        having = self.connection.execute(
            "SELECT DISTINCT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
            " WHERE c.relnamespace = 'bi'::regnamespace AND a.attname = ANY(%s)",
            (list(names),),
        ).fetchall()
        possible = [view for view in VIEW_NAMES if (view,) in having]
        raise FixConfiguration(f"bi.{self.view} has no column {names[0]} for {option}: leave it out, or export {', '.join(possible)}")

    def _described(self) -> list[Column]:
        rows = self.connection.execute(
            "SELECT attname, format_type(atttypid, NULL), atttypmod FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0"
            " AND NOT attisdropped ORDER BY attnum",
            (f"bi.{self.view}",),
        ).fetchall()
        if not rows:
            raise psycopg.errors.UndefinedTable(f"view bi.{self.view} does not exist")
        heading = focus_name if self.is_focus else str
        return [Column(str(name), str(type_), int(modifier), heading(str(name))) for name, type_, modifier in rows]
