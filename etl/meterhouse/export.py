"""Export: one public view as a file, streamed, with exact decimals; the file appears whole or not at all.

The draft is written in a hidden folder beside the file and renamed into place. A killed export leaves that folder, which the next
export to the same name removes: each export holds a lock on its own, so a folder whose lock is free belongs to nobody.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from meterhouse.database import Connection, connect, translated
from meterhouse.dictionary import COLUMNS, Meaning
from meterhouse.errors import FixConfiguration
from meterhouse.views import VIEW_NAMES, views

FORMATS = ("csv", "json", "parquet", "hyper", "xlsx")
# What a sheet of Excel holds below its header.
XLSX_ROWS = 1_048_575
# Where Tableau looks for the data of an extract.
HYPER_TABLE = ("Extract", "Extract")
_PACKAGES = {"hyper": ("pantab", "tableau"), "xlsx": ("xlsxwriter", "excel")}
_ROWS_AT_A_TIME = 20_000
_LINE_EVERY_SECONDS = 5.0

# Called with the rows written so far and the rows there are.
Report = Callable[[int, int], None]


def silent(_: int, __: int) -> None:
    """Report nothing."""


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
class _Column:
    """A column as the server describes it; a numeric's modifier holds its precision and scale."""

    name: str
    type: str
    modifier: int


def export_view(url: str, view: str, file_format: str, out: Path, selection: Selection | None = None, report: Report | None = None) -> int:
    """Write the rows of `bi.<view>` that `selection` names to `out`, and return their number.

    CSV holds decimals as they are, JSON as strings, Parquet and Hyper as decimal columns of the view's own precision; Excel keeps 15
    digits of any number. Hyper and Excel know no zones: instants are UTC clock times there. With a `report` the rows are counted first.
    Raises `FixConfiguration` for an unknown view, a filter that the view has no column for, a missing package, too many rows for Excel,
    or a place that cannot be written to.
    """
    name = view.removeprefix("bi.")
    if name not in VIEW_NAMES:
        raise FixConfiguration(f"there is no view bi.{name}: choose from {', '.join(VIEW_NAMES)}")
    if not out.parent.is_dir():
        raise FixConfiguration(f"the folder {out.parent} does not exist: make it, or choose another --out")
    if out.is_dir():
        raise FixConfiguration(f"{out} is a folder: give --out the name of a file")
    if file_format in _PACKAGES:
        _package(file_format)
    with connect(url) as connection:
        try:
            with _draft(out) as draft:
                with translated(f"bi.{name}"):
                    rows = _Writer(connection, name, selection or Selection(), report).write(file_format, draft)
                draft.replace(out)
        except OSError as error:
            raise FixConfiguration(f"{out} cannot be written ({error.strerror}): make room, or choose another --out") from None
    return rows


@contextmanager
def shown(view: str) -> Iterator[Report]:
    """Yield a report function that shows the rows on standard error: a bar on a terminal, elsewhere a line every few seconds."""
    if not sys.stderr.isatty():
        yield _Lines(view)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(view, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


class _Lines:
    def __init__(self, view: str) -> None:
        self._view = view
        self._last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._last > _LINE_EVERY_SECONDS:
            self._last = time.monotonic()
            sys.stderr.write(f"{self._view}: {done:,} of {total:,} rows\n")
            sys.stderr.flush()


@contextmanager
def _draft(out: Path) -> Iterator[Path]:
    """Yield the path of the draft in a folder of its own, locked; remove that folder, and those that killed exports left."""
    try:
        folder, lock = _locked_folder(out)
    except OSError as error:
        raise FixConfiguration(f"the folder {out.parent} cannot be written to ({error.strerror}): choose another --out") from None
    try:
        _remove_abandoned(out)
        yield folder / out.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _prefix(out: Path) -> str:
    return f".{out.name}.draft-"


def _locked_folder(out: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=_prefix(out)))
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Another export may have taken it for an abandoned one before it was locked.
        if folder.exists():
            return folder, lock
        os.close(lock)


def _remove_abandoned(out: Path) -> None:
    for folder in out.parent.glob(f"{_prefix(out)}*"):
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)


def _package(file_format: str) -> Any:
    """Import and return the package that writes a format, which may be an extra that is not installed."""
    package, extra = _PACKAGES[file_format]
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError:
        raise FixConfiguration(
            f"--format {file_format} needs {package}: pip install {package} (or install meterhouse with its extra, meterhouse[{extra}])"
        ) from None


class _Writer:
    """Reads a view with a server-side cursor and writes it in pieces."""

    def __init__(self, connection: Connection, view: str, selection: Selection, report: Report | None) -> None:
        self._connection = connection
        self._view = view
        self._report = report or silent
        self._counts = report is not None
        self._total = 0
        self._finish: Callable[[], object] = lambda: None
        self._columns = self._described()
        self._where = self._conditions(selection)

    def write(self, file_format: str, path: Path) -> int:
        """Write the file and return the number of its rows."""
        write = {"csv": self._csv, "json": self._json, "parquet": self._parquet, "hyper": self._hyper, "xlsx": self._xlsx}[file_format]
        # One snapshot for the count and the rows.
        with self._connection.transaction():
            self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            if self._counts or file_format == "xlsx":
                self._total = self._count()
            if file_format == "xlsx" and self._total > XLSX_ROWS:
                raise FixConfiguration(
                    f"bi.{self._view} has {self._total:,} such rows and a sheet of Excel holds {XLSX_ROWS:,}: choose --format csv or"
                    " parquet, or fewer days with --from and --to"
                )
            rows = write(path)
        # Packing a large sheet needs no transaction, which the server would end after a minute of silence.
        self._finish()
        self._report(rows, rows)
        return rows

    def _csv(self, path: Path) -> int:
        query = self._query({"boolean": "{}::text"})
        with path.open("wb") as out, self._connection.cursor() as cursor:
            with cursor.copy(SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(query)) as copy:
                for number, line in enumerate(copy):
                    out.write(line)
                    if number % _ROWS_AT_A_TIME == 0:
                        self._report(number, self._total)
            return cursor.rowcount

    def _json(self, path: Path) -> int:
        done = 0
        encode = msgspec.json.Encoder().encode
        names = [column.name for column in self._columns]
        with path.open("wb") as out:
            out.write(b"[")
            # As text, or a small one would be written with an exponent.
            for rows in self._batches({"numeric": "{}::text"}):
                for row in rows:
                    out.write((b",\n" if done else b"\n") + encode(dict(zip(names, row, strict=True))))
                    done += 1
            out.write(b"\n]\n")
        return done

    def _parquet(self, path: Path) -> int:
        import pyarrow as pa  # noqa: PLC0415  # a second that no other command needs
        import pyarrow.parquet as pq  # noqa: PLC0415

        schema = pa.schema([pa.field(column.name, _arrow_type(pa, column)) for column in self._columns])
        done = 0
        with pq.ParquetWriter(path, schema) as writer:
            for batch in self._arrow(schema, {}):
                writer.write_batch(batch)
                done += batch.num_rows
        return done

    def _hyper(self, path: Path) -> int:
        import pyarrow as pa  # noqa: PLC0415

        schema = pa.schema([pa.field(column.name, _arrow_type(pa, column, zones=False)) for column in self._columns])
        done = 0
        failed: list[BaseException] = []

        def batches() -> Iterator[Any]:
            nonlocal done
            try:
                for batch in self._arrow(schema, _NO_ZONES):
                    done += batch.num_rows
                    yield batch
            except BaseException as error:
                failed.append(error)
                raise

        reader = pa.RecordBatchReader.from_batches(schema, batches())
        # Version 3 of the format holds numbers of 38 digits; the log would go into the current folder.
        options = {"default_database_version": "3", "log_dir": str(path.parent)}
        try:
            _package("hyper").frames_to_hyper({HYPER_TABLE: reader}, path, process_params=options, atomic=False)
        finally:
            # pantab takes an error of ours for the end of the rows, or words it as Tableau's.
            if failed:
                raise failed[0]
        return done

    def _xlsx(self, path: Path) -> int:
        book = _package("xlsx").Workbook(path, {"constant_memory": True, "tmpdir": str(path.parent)})
        bold = book.add_format({"bold": True, "bottom": 1})
        formats = [book.add_format({"num_format": shape}) if (shape := _cell_format(column)) else None for column in self._columns]
        sheet = book.add_worksheet(self._view[:31])
        sheet.freeze_panes(1, 0)
        for index, column in enumerate(self._columns):
            sheet.set_column(index, index, max(12, len(column.name) + 2))
            sheet.write_string(0, index, column.name, bold)
        cells = [(index, _cell_writer(sheet, column), formats[index]) for index, column in enumerate(self._columns)]
        done = 0
        for rows in self._batches(_NO_ZONES):
            for row in rows:
                done += 1
                for (index, write, shape), value in zip(cells, row, strict=True):
                    if value is not None:
                        write(done, index, value, shape)
        sheet.autofilter(0, 0, done, len(self._columns) - 1)
        self._about(book, bold)
        self._finish = book.close
        return done

    def _about(self, book: Any, bold: Any) -> None:
        """A second sheet that says what the first one means."""
        sheet = book.add_worksheet("Columns")
        sheet.set_column(0, 1, 26)
        sheet.set_column(2, 2, 110)
        comment = next(view.comment for view in views() if view.qualified == f"bi.{self._view}")
        lines = [("column", "unit", "meaning")]
        lines += [(column.name, meaning.unit or "", meaning.comment()) for column in self._columns if (meaning := _meaning(column.name))]
        for number, line in enumerate([*lines, ("", "", ""), (f"bi.{self._view}", "", comment)]):
            for index, text in enumerate(line):
                sheet.write_string(number, index, text, bold if number == 0 else None)

    def _arrow(self, schema: Any, shapes: dict[str, str]) -> Iterator[Any]:
        """The rows as Arrow record batches."""
        import pandas as pd  # noqa: PLC0415  # half a second
        import pyarrow as pa  # noqa: PLC0415

        for rows in self._batches(shapes):
            frame = pd.DataFrame(rows, columns=schema.names, dtype=object)
            yield pa.RecordBatch.from_pandas(frame, schema=schema, preserve_index=False)

    def _batches(self, shapes: dict[str, str]) -> Iterator[list[tuple[Any, ...]]]:
        done = 0
        with self._connection.cursor(name="export") as cursor:
            cursor.execute(self._query(shapes))
            while rows := cursor.fetchmany(_ROWS_AT_A_TIME):
                yield rows
                done += len(rows)
                self._report(done, self._total)

    def _query(self, shapes: dict[str, str]) -> Composed:
        """The rows as a query; `shapes` says by type how a column is written in it."""
        chosen = [
            SQL("{} AS {}").format(SQL(shapes[column.type]).format(Identifier(column.name)), Identifier(column.name))
            if column.type in shapes
            else Identifier(column.name)
            for column in self._columns
        ]
        return SQL("SELECT {} FROM bi.{}{}").format(SQL(", ").join(chosen), Identifier(self._view), self._where)

    def _count(self) -> int:
        found = self._connection.execute(SQL("SELECT count(*) FROM bi.{}{}").format(Identifier(self._view), self._where)).fetchone()
        return int(found[0]) if found else 0

    def _conditions(self, selection: Selection) -> Composable:
        if selection.first and selection.last and selection.first > selection.last:
            raise FixConfiguration(f"--from {selection.first} is after --to {selection.last}: exchange them")
        conditions: list[Composable] = []
        if selection.first or selection.last:
            day = self._column_for("--from and --to", ("usage_date", "month_start"))
            conditions += [SQL("{} >= {}").format(day, Literal(selection.first))] if selection.first else []
            conditions += [SQL("{} <= {}").format(day, Literal(selection.last))] if selection.last else []
        if selection.projects:
            column = self._column_for("--where-project", ("project_id",))
            conditions.append(SQL("{} = ANY({})").format(column, Literal(list(selection.projects))))
        if selection.organizations:
            column = self._column_for("--where-organization", ("organization", "organization_key"))
            conditions.append(SQL("{} = ANY({})").format(column, Literal(list(selection.organizations))))
        return SQL(" WHERE ") + SQL(" AND ").join(conditions) if conditions else SQL("")

    def _column_for(self, option: str, names: tuple[str, ...]) -> Identifier:
        """The first of these columns that the view has."""
        for name in names:
            if any(column.name == name for column in self._columns):
                return Identifier(name)
        having = self._connection.execute(
            "SELECT DISTINCT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
            " WHERE c.relnamespace = 'bi'::regnamespace AND a.attname = ANY(%s)",
            (list(names),),
        ).fetchall()
        possible = [view for view in VIEW_NAMES if (view,) in having]
        raise FixConfiguration(f"bi.{self._view} has no column {names[0]} for {option}: leave it out, or export {', '.join(possible)}")

    def _described(self) -> list[_Column]:
        rows = self._connection.execute(
            "SELECT attname, format_type(atttypid, NULL), atttypmod FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0"
            " AND NOT attisdropped ORDER BY attnum",
            (f"bi.{self._view}",),
        ).fetchall()
        if not rows:
            raise psycopg.errors.UndefinedTable(f"view bi.{self._view} does not exist")
        return [_Column(str(name), str(type_), int(modifier)) for name, type_, modifier in rows]


_NO_ZONES = {"timestamp with time zone": "({} AT TIME ZONE 'UTC')"}


def _meaning(name: str) -> Meaning | None:
    return COLUMNS.get(name)


def _arrow_type(pa: Any, column: _Column, *, zones: bool = True) -> Any:
    """The Arrow type of a column; without `zones` an instant is a UTC clock time."""
    if column.type == "numeric":
        return pa.decimal128((column.modifier - 4) >> 16, (column.modifier - 4) & 0xFFFF)
    return {
        "bigint": pa.int64(),
        "integer": pa.int32(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp without time zone": pa.timestamp("us"),
        "timestamp with time zone": pa.timestamp("us", tz="UTC" if zones else None),
        "double precision": pa.float64(),
    }.get(column.type, pa.string())


def _cell_format(column: _Column) -> str | None:
    """How Excel shows a column."""
    if column.type == "numeric":
        meaning = _meaning(column.name)
        return "0.0%" if meaning and (meaning.unit or "").startswith("share") else "#,##0.00####"
    return {
        "bigint": "0" if column.name in _PLAIN_NUMBERS else "#,##0",
        "date": "yyyy-mm-dd",
        "timestamp without time zone": "yyyy-mm-dd hh:mm:ss",
        "timestamp with time zone": "yyyy-mm-dd hh:mm:ss",
    }.get(column.type)


# Numbers that name something.
_PLAIN_NUMBERS = {"year", "quarter", "month", "iso_week", "weekday", "revision_id", "column_position"}


def _cell_writer(sheet: Any, column: _Column) -> Callable[..., object]:
    """The method that writes a value; text is always text, whatever it begins with."""
    if column.type == "numeric":
        # Excel holds doubles, of which it keeps 15 digits; cost_exact has them all.
        return lambda row, index, value, shape: sheet.write_number(row, index, float(value), shape)
    if column.type.startswith(("date", "timestamp")):
        return sheet.write_datetime  # type: ignore[no-any-return]
    if column.type == "boolean":
        return sheet.write_boolean  # type: ignore[no-any-return]
    return sheet.write_number if column.type in {"bigint", "integer", "double precision"} else sheet.write_string  # type: ignore[no-any-return]
