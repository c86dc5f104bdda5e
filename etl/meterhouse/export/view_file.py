"""The door of the export: one view of the schema bi as a file of one of the formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from meterhouse.errors import FixConfiguration
from meterhouse.export.columnar import hyper, parquet
from meterhouse.export.focus_names import require_focus
from meterhouse.export.matching import require_known
from meterhouse.export.optional_packages import PACKAGES, package_for
from meterhouse.export.output import PRIVATE, draft_of
from meterhouse.export.source import Report, Selection, Source, Written
from meterhouse.export.text_formats import csv, json, raw_csv
from meterhouse.export.workbook import xlsx
from meterhouse.warehouse.database import connect, translated
from meterhouse.warehouse.session import READ
from meterhouse.warehouse.view_reach import VIEW_NAMES

Writer = Callable[[Source, Path], Written]
_WRITERS: dict[str, Writer] = {"csv": csv, "json": json, "parquet": parquet, "hyper": hyper, "xlsx": xlsx}
FORMATS = tuple(_WRITERS)


def export_view(
    url: str,
    view: str,
    file_format: str,
    out: Path,
    selection: Selection | None = None,
    report: Report | None = None,
    *,
    raw: bool = False,
    is_focus: bool = False,
) -> int:
    """Write the rows of `bi.<view>` that `selection` names to `out`, and return their number.

    CSV holds decimals as they are, JSON as strings, Parquet and Hyper as decimal columns of the view's own precision; Excel keeps 15
    digits of any number. Hyper and Excel know no zones: instants are UTC clock times there. With a `report` the rows are counted first.
    Text that a spreadsheet would run as a formula gets an apostrophe in front in CSV, unless `raw`. A new file is its owner's to read.
    With `is_focus` columns have the names of FOCUS, and instants in text end in Z. Raises `FixConfiguration` for an unknown view, one
    without such names, a filter that the view has no column for, a project or an organization that does not exist, a missing package or
    too many rows for Excel, and as `draft_of`.
    """
    name = view.removeprefix("bi.")
    if name not in VIEW_NAMES:
        raise FixConfiguration(f"there is no view bi.{name}: choose from {', '.join(VIEW_NAMES)}")
    if is_focus:
        require_focus(name)
    chosen = selection or Selection()
    if file_format in PACKAGES:
        package_for(file_format)
    write = raw_csv if raw and file_format == "csv" else _WRITERS[file_format]
    # The connection is closed before a pipe is waited for.
    with draft_of(out, PRIVATE) as draft, connect(url, READ) as connection, translated(f"bi.{name}"):
        source = Source(connection, name, chosen, report, is_focus=is_focus)
        require_known(connection, chosen)
        return _write(source, write, draft, counts=report is not None)


def _write(source: Source, write: Writer, path: Path, *, counts: bool) -> int:
    # One snapshot for the count and the rows.
    with source.connection.transaction():
        source.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if counts:
            source.count()
        written = write(source, path)
    if written.finish:
        written.finish()
    source.tell(written.rows)
    return written.rows
