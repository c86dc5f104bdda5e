"""Reports as files of the command line: read, laid out and written in one step, as HTML or as PDF."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from meterhouse.answers.rows import last_day
from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.month_report import month_report
from meterhouse.dashboard.printing import browser, to_pdf
from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.dashboard.static_report import report
from meterhouse.errors import FixConfiguration
from meterhouse.export.output import HANDED_ON, draft_of


def write_report(url: str, filters: Filters, out: Path, now: datetime | None = None, *, as_pdf: bool = False) -> int:
    """Write the report to `out`, whole or not at all, and return its size in bytes. A new file may be read by everybody on the machine.

    It is a PDF where that is asked for or the file is called so. Raises as `draft_of` and `to_pdf`, and `FixConfiguration` if nothing of
    the days is loaded.
    """
    return _written(lambda: _loaded_page(url, filters, now or datetime.now(UTC)), out, as_pdf=as_pdf)


def write_month_report(url: str, month: date, out: Path, now: datetime | None = None, *, as_pdf: bool = False) -> int:
    """Write the report of a month, given its first day; as `write_report`."""
    return _written(lambda: _loaded_month(url, month, now or datetime.now(UTC)), out, as_pdf=as_pdf)


def whole_snapshot(reader: Reader, filters: Filters) -> Snapshot:
    """Return all figures of some days, with what was saved."""
    return reader.saved(reader.snapshot(filters))


def _written(page: Callable[[], str], out: Path, *, as_pdf: bool) -> int:
    as_pdf = as_pdf or out.suffix.lower() == ".pdf"
    if as_pdf:
        # Before the figures are read: without a browser there is no need to.
        browser()
    with draft_of(out, HANDED_ON) as draft:
        return draft.write_bytes(to_pdf(page()) if as_pdf else page().encode())


def _loaded_page(url: str, filters: Filters, now: datetime) -> str:
    snapshot = whole_snapshot(Reader(url), filters)
    if snapshot.cost_coverage.is_none and snapshot.usage_coverage.is_none:
        days = f"{filters.first} to {filters.last}"
        load = f"meterhouse backfill --from {filters.first} --to {filters.last}"
        raise FixConfiguration(f"nothing is loaded for {days}: choose other days with --from and --to, or load them with {load}")
    return report(snapshot, now)


def _loaded_month(url: str, month: date, now: datetime) -> str:
    figures = Reader(url).month(month)
    if not figures.is_loaded:
        load = f"meterhouse backfill --from {month} --to {last_day(month)}"
        raise FixConfiguration(f"no costs of {month:%Y-%m} are loaded: choose another --month, or load it with {load}")
    return month_report(figures, now)
