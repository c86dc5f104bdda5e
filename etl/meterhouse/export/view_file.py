"""The door of the export: one view of the schema bi as a file of one of the formats."""

from __future__ import annotations

from pathlib import Path

from meterhouse.database import connect, translated
from meterhouse.errors import FixConfiguration
from meterhouse.export.columnar import hyper, parquet
from meterhouse.export.draft import draft_of
from meterhouse.export.matching import require_known
from meterhouse.export.optional_packages import PACKAGES, package_for
from meterhouse.export.source import Report, Selection, Source
from meterhouse.export.text_formats import csv, json
from meterhouse.export.workbook import xlsx
from meterhouse.views import VIEW_NAMES

_WRITERS = {"csv": csv, "json": json, "parquet": parquet, "hyper": hyper, "xlsx": xlsx}
FORMATS = tuple(_WRITERS)


def export_view(url: str, view: str, file_format: str, out: Path, selection: Selection | None = None, report: Report | None = None) -> int:
    """Write the rows of `bi.<view>` that `selection` names to `out`, and return their number.

    CSV holds decimals as they are, JSON as strings, Parquet and Hyper as decimal columns of the view's own precision; Excel keeps 15
    digits of any number. Hyper and Excel know no zones: instants are UTC clock times there. With a `report` the rows are counted first.
    Raises `FixConfiguration` for an unknown view, a filter that the view has no column for, a project or an organization that does not
    exist, a missing package, too many rows for Excel, or a place that cannot be written to.
    """
    name = view.removeprefix("bi.")
    if name not in VIEW_NAMES:
        raise FixConfiguration(f"there is no view bi.{name}: choose from {', '.join(VIEW_NAMES)}")
    if not out.parent.is_dir():
        raise FixConfiguration(f"the folder {out.parent} does not exist: make it, or choose another --out")
    if out.is_dir():
        raise FixConfiguration(f"{out} is a folder: give --out the name of a file")
    chosen = selection or Selection()
    if file_format in PACKAGES:
        package_for(file_format)
    with connect(url) as connection:
        try:
            with draft_of(out) as draft:
                with translated(f"bi.{name}"):
                    source = Source(connection, name, chosen, report)
                    require_known(connection, chosen)
                    rows = _write(source, file_format, draft, counts=report is not None)
                draft.replace(out)
        except OSError as error:
            raise FixConfiguration(f"{out} cannot be written ({error.strerror}): make room, or choose another --out") from None
    return rows


def _write(source: Source, file_format: str, path: Path, *, counts: bool) -> int:
    # One snapshot for the count and the rows.
    with source.connection.transaction():
        source.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if counts:
            source.count()
        written = _WRITERS[file_format](source, path)
    if written.finish:
        written.finish()
    source.tell(written.rows)
    return written.rows
