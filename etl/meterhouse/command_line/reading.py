"""Reading: the commands that show figures, check them or hand them on."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meterhouse.command_line.speech import finish, remark, say, say_table, say_where
from meterhouse.command_line.stopping import STOPPED_STATUS, terminable
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration

if TYPE_CHECKING:
    import argparse

    from meterhouse.checks.warehouse_checks import CheckResult
    from meterhouse.settings import Settings


def status(settings: Settings, _: argparse.Namespace) -> int:
    """Show how far each stream is loaded."""
    from meterhouse.load.store import Store
    from meterhouse.warehouse.session import READ

    with Store(settings.require_warehouse(), READ) as store:
        columns, rows = store.freshness()
    if not rows:
        say("nothing is loaded yet: run meterhouse sync")
        return 0
    say_table(columns, rows)
    return 0


def check(settings: Settings, options: argparse.Namespace) -> int:
    """Run the checks of the warehouse and of the totals; 1 if one of them fails."""
    from meterhouse.checks.warehouse_checks import ask_vendor, run_warehouse_checks

    # The lines below say the same to people.
    logging.getLogger("meterhouse.checks.warehouse_checks").setLevel(logging.NOTSET if options.verbose else logging.ERROR)
    results = run_warehouse_checks(settings)
    _print_results(results)
    if not options.offline:
        say("      asking the vendor for totals to compare with; --offline skips this")
        finish()
        with terminable():
            answered, asked = ask_vendor(settings)
        _print_results(answered)
        asked.raise_first()
        results += answered
    return 1 if any(result.is_failure for result in results) else 0


def _print_results(results: Sequence[CheckResult]) -> None:
    for result in results:
        if result.is_ok:
            say(f"ok    {result.check.name}: nothing found" + (f"; {result.detail}" if result.detail else ""))
        else:
            say(f"{result.check.severity:5} {result.check.name}: {result.findings} found: {result.detail}")
            say(f"      {result.check.meaning}")


def export(settings: Settings, options: argparse.Namespace) -> int:
    """Write a view to a file."""
    from meterhouse.export import Selection, export_view, limits, shown

    first, last = (None if day is None else day.date() for day in (options.first, options.last))
    selection = Selection(first, last, options.where_project, options.where_organization)
    with terminable(), shown(options.view) as report:
        rows = export_view(
            settings.require_warehouse(), options.view, options.file_format, options.out, selection, report,
            raw=options.raw, is_focus=options.names == "focus",
        )  # fmt: skip
    say_where(f"wrote {counted(rows, 'row')}", options.out)
    for line in limits(settings.require_warehouse(), options.view, selection, rows, datetime.now(UTC).date()):
        remark(line)
    return 0


def sql(settings: Settings, options: argparse.Namespace) -> int:
    """Answer one question in SQL."""
    from meterhouse.dashboard.reader_url import reader_url
    from meterhouse.export.question import ask

    url = reader_url(settings)
    try:
        with terminable():
            ask(url, _statement(options.statement), options.file_format, raw=options.raw)
    except KeyboardInterrupt:
        remark("stopped; the server no longer works on the question")
        return STOPPED_STATUS
    return 0


def mcp(settings: Settings, options: argparse.Namespace) -> int:
    """Serve the views to an assistant until it closes standard input."""
    from meterhouse.dashboard.reader_url import reader_url
    from meterhouse.export.bounded_question import Limits

    try:
        from meterhouse.assistant.server import serve
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.split(".")[0] != "mcp":
            raise
        raise FixConfiguration("meterhouse mcp needs mcp: install meterhouse with its extra, meterhouse[assistant]") from None
    serve(reader_url(settings), Limits(rows=options.rows, seconds=options.seconds))
    return 0


def _statement(given: str) -> str:
    """The SQL itself, or what standard input holds."""
    if given != "-":
        return given
    if sys.stdin is None:
        raise FixConfiguration("standard input is closed: give the SQL as an argument, in quotes")
    try:
        return sys.stdin.read()
    except UnicodeDecodeError:
        raise FixConfiguration("the question holds bytes that are not UTF-8: write it as UTF-8") from None


def provision_metabase(_: Settings, options: argparse.Namespace) -> int:
    """Set up the warehouse in a Metabase."""
    from meterhouse.bi_files.metabase import provision

    outcome = provision(options.url, os.environ)
    say(f"{options.url}: {len(outcome.created):,} created, {len(outcome.updated):,} updated")
    return 0


def dashboard(settings: Settings, options: argparse.Namespace) -> int:
    """Serve the dashboard until the process is stopped."""
    from meterhouse.dashboard.command import serve_dashboard

    serve_dashboard(settings, options.port or settings.dashboard_port, options.host)
    return 0


def report(settings: Settings, options: argparse.Namespace) -> int:
    """Write the static report of some days, or that of a month."""
    from meterhouse.dashboard.filters import Filters
    from meterhouse.dashboard.reader_url import reader_url
    from meterhouse.dashboard.report_file import write_month_report, write_report

    days = {name: [str(day.date())] for name in ("first", "last") if (day := getattr(options, name)) is not None}
    if options.month and days:
        raise FixConfiguration("--month is a whole month: leave out --from and --to")
    url = reader_url(settings)
    if options.month:
        size = write_month_report(url, options.month.date(), options.out, as_pdf=options.pdf)
    else:
        size = write_report(url, Filters.of_query(days, datetime.now(UTC).date()), options.out, as_pdf=options.pdf)
    say_where(f"wrote {size / 1000:,.0f} kB", options.out)
    return 0
