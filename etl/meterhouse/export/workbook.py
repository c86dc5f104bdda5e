"""The workbook: an Excel sheet with the rows, and a second one that says what its columns mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from meterhouse.catalogue.dictionary import COLUMNS
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration
from meterhouse.export.optional_packages import package_for
from meterhouse.export.source import NO_ZONES, Column, Source, Written
from meterhouse.warehouse.views import views

# What a sheet of Excel holds below its header.
XLSX_ROWS = 1_048_575
# Numbers that name something.
_PLAIN_NUMBERS = {"year", "quarter", "month", "iso_week", "weekday", "revision_id", "column_position"}


def xlsx(source: Source, path: Path) -> Written:
    """Write a workbook with the rows and what their columns mean; packing it is left to the caller."""
    if source.count() > XLSX_ROWS:
        raise FixConfiguration(
            f"bi.{source.view} has {counted(source.count(), 'such row')} and an Excel sheet holds {XLSX_ROWS:,}: choose --format csv or"
            " parquet, or fewer days with --from and --to"
        )
    book = package_for("xlsx").Workbook(path, {"constant_memory": True, "tmpdir": str(path.parent)})
    bold = book.add_format({"bold": True, "bottom": 1})
    formats = [book.add_format({"num_format": shape}) if (shape := _cell_format(column)) else None for column in source.columns]
    sheet = book.add_worksheet(source.view[:31])
    sheet.freeze_panes(1, 0)
    for index, column in enumerate(source.columns):
        sheet.set_column(index, index, max(12, len(column.heading) + 2))
        sheet.write_string(0, index, column.heading, bold)
    cells = [(index, _cell_writer(sheet, column), formats[index]) for index, column in enumerate(source.columns)]
    done = 0
    for rows in source.batches(NO_ZONES):
        for row in rows:
            done += 1
            for (index, write, shape), value in zip(cells, row, strict=True):
                if value is not None:
                    write(done, index, value, shape)
    sheet.autofilter(0, 0, done, len(source.columns) - 1)
    _about(source, book, bold)
    # Packing a large sheet needs no transaction, which the server would end after a minute of silence.
    return Written(done, book.close)


def _about(source: Source, book: Any, bold: Any) -> None:
    """A second sheet that says what the first one means."""
    sheet = book.add_worksheet("Columns")
    sheet.set_column(0, 1, 26)
    sheet.set_column(2, 2, 110)
    comment = next(view.comment for view in views() if view.qualified == f"bi.{source.view}")
    lines = [("column", "unit", "meaning")]
    lines += [(column.heading, meaning.unit or "", meaning.comment()) for column in source.columns if (meaning := COLUMNS.get(column.name))]
    for number, line in enumerate([*lines, ("", "", ""), (f"bi.{source.view}", "", comment)]):
        for index, text in enumerate(line):
            sheet.write_string(number, index, text, bold if number == 0 else None)


def _cell_format(column: Column) -> str | None:
    """How Excel shows a column."""
    if column.type == "numeric":
        meaning = COLUMNS.get(column.name)
        return "0.0%" if meaning and (meaning.unit or "").startswith("share") else "#,##0.00####"
    return {
        "bigint": "0" if column.name in _PLAIN_NUMBERS else "#,##0",
        "date": "yyyy-mm-dd",
        "timestamp without time zone": "yyyy-mm-dd hh:mm:ss",
        "timestamp with time zone": "yyyy-mm-dd hh:mm:ss",
    }.get(column.type)


def _cell_writer(sheet: Any, column: Column) -> Callable[..., object]:
    """The method that writes a value; text is always text, whatever it begins with."""
    if column.type == "numeric":
        # Excel holds doubles, of which it keeps 15 digits; cost_exact has them all.
        return lambda row, index, value, shape: sheet.write_number(row, index, float(value), shape)
    if column.type.startswith(("date", "timestamp")):
        return sheet.write_datetime  # type: ignore[no-any-return]
    if column.type == "boolean":
        return sheet.write_boolean  # type: ignore[no-any-return]
    return sheet.write_number if column.type in {"bigint", "integer", "double precision"} else sheet.write_string  # type: ignore[no-any-return]
