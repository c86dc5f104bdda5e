"""The command line. Exit status: 0 done, 1 failed with nothing half-written, 2 the request or the configuration is wrong."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

from meterhouse.catalogue.endpoints import WIDTHS
from meterhouse.command_line.command_words import DIRECTORY, current_name, parser
from meterhouse.command_line.speech import finish, remark, say, say_table, say_where
from meterhouse.control_characters import VisibleFormatter
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration, MeterhouseError
from meterhouse.load.backfill_range import backfill_window, future_in_words
from meterhouse.windows import Window, ceil_to

if TYPE_CHECKING:
    from meterhouse.catalogue.endpoints import BucketWidth
    from meterhouse.checks.warehouse_checks import CheckResult
    from meterhouse.load.outcome import Summary
    from meterhouse.settings import Settings

log = logging.getLogger("meterhouse")
STOPPED_STATUS = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = parser().parse_args(arguments)
    from meterhouse.settings import load_settings  # --help and --version end above

    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.setFormatter(VisibleFormatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, handlers=[to_stderr])
    try:
        status = COMMANDS[current_name(options.command)](load_settings(), options)
        finish()
    except MeterhouseError as error:
        remark(str(error))
        return error.exit_status
    except KeyboardInterrupt:
        remark("stopped; what was committed stays, and the same command continues from there")
        return STOPPED_STATUS
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _names(text: str | None) -> list[str] | None:
    names = None if text is None else [name.strip() for name in text.split(",") if name.strip()]
    if names == []:
        raise FixConfiguration("--only is empty: leave it out, or name what to load")
    return names


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends long work as Ctrl-C does: between two commits, with a closed run log."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _up(settings: Settings, _: argparse.Namespace) -> int:
    from meterhouse.local.up import up

    return up(settings)


def _down(settings: Settings, _: argparse.Namespace) -> int:
    from meterhouse.local.down import down

    return down(settings)


def _migrate(settings: Settings, _: argparse.Namespace) -> int:
    from meterhouse.warehouse.migrate import migrate

    applied = migrate(settings.require_migrate_url())
    say(f"applied {', '.join(applied)}; views are up to date" if applied else "tables and views are up to date")
    return 0


def _sync(settings: Settings, options: argparse.Namespace) -> int:
    from meterhouse.command_line.progress import shown
    from meterhouse.load.directory import require_something_read, sync_directory
    from meterhouse.load.sync import chosen_endpoints, sync

    only = _names(options.only)
    endpoints = None if only is None else [name for name in only if name != DIRECTORY]
    chosen_endpoints(settings, endpoints, also=(DIRECTORY,))
    with _terminable():
        if endpoints is None or endpoints:
            with shown() as report:
                outcome = sync(settings, endpoints, report=report)
            for one in outcome.summaries:
                say(one.in_words)
            outcome.raise_first()
            if only is not None and DIRECTORY not in only:
                outcome.require_something_loaded()
        # Names come last: a key that may only read usage still loads every figure.
        if only is None or DIRECTORY in only:
            summaries = sync_directory(settings)
            for names in summaries:
                say(f"{names.organization}: {names}")
            if only == [DIRECTORY]:
                require_something_read(summaries)
    return 0


def _backfill(settings: Settings, options: argparse.Namespace) -> int:
    from meterhouse.command_line.progress import shown
    from meterhouse.load.sync import backfill

    now = datetime.now(UTC)
    window = backfill_window(options.first, options.last, now)
    width = WIDTHS[options.bucket_width]
    if left_out := future_in_words(options.last, now):
        remark(left_out)
    if options.dry_run:
        return _show_plan(settings, window, _names(options.only), width, now)
    with _terminable(), shown() as report:
        outcome = backfill(settings, window, _names(options.only), width=width, force=options.force, report=report)
    for one in outcome.summaries:
        say(one.in_words)
    _print_coverage(settings, window, outcome.summaries, now)
    outcome.raise_first()
    outcome.require_something_loaded()
    return 0


def _show_plan(settings: Settings, window: Window, only: Sequence[str] | None, width: BucketWidth, now: datetime) -> int:
    from meterhouse.load.backfill_plan import chosen, pieces
    from meterhouse.load.backfill_preview import preview

    planned = pieces(window, chosen(settings.endpoints if only is None else only, width), width)
    for line in preview(settings, window, planned, width, now):
        say(line)
    return 0


def _print_coverage(settings: Settings, window: Window, summaries: Sequence[Summary], now: datetime) -> None:
    """The report that ends a backfill: what the range holds now."""
    from meterhouse.load.store import Store

    with Store(settings.require_warehouse()) as store:
        for one in summaries:
            width = WIDTHS[one.bucket_width]
            begun = Window(window.start, max(window.start, min(window.end, ceil_to(now, width))))
            counts = store.coverage_counts(one.organization, one.endpoint, width, begun)
            words = ", ".join(f"{count} {status}" for status, count in counts.items()) or "nothing loaded"
            say(f"coverage of {window} in {one.organization}/{one.endpoint}/{one.bucket_width}: {words}")


def _status(settings: Settings, _: argparse.Namespace) -> int:
    from meterhouse.load.store import Store
    from meterhouse.warehouse.session import READ

    with Store(settings.require_warehouse(), READ) as store:
        columns, rows = store.freshness()
    if not rows:
        say("nothing is loaded yet: run meterhouse sync")
        return 0
    say_table(columns, rows)
    return 0


def _check(settings: Settings, options: argparse.Namespace) -> int:
    from meterhouse.checks.warehouse_checks import ask_vendor, run_warehouse_checks

    # The lines below say the same to people.
    logging.getLogger("meterhouse.checks.warehouse_checks").setLevel(logging.NOTSET if options.verbose else logging.ERROR)
    results = run_warehouse_checks(settings)
    _print_results(results)
    if not options.offline:
        say("      asking the vendor for totals to compare with; --offline skips this")
        finish()
        with _terminable():
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


def _export(settings: Settings, options: argparse.Namespace) -> int:
    from meterhouse.export import Selection, export_view, limits, shown

    first, last = (None if day is None else day.date() for day in (options.first, options.last))
    selection = Selection(first, last, options.where_project, options.where_organization)
    with _terminable(), shown(options.view) as report:
        rows = export_view(settings.require_warehouse(), options.view, options.file_format, options.out, selection, report, raw=options.raw)
    say_where(f"wrote {counted(rows, 'row')}", options.out)
    for line in limits(settings.require_warehouse(), options.view, selection, rows, datetime.now(UTC).date()):
        remark(line)
    return 0


def _grant_team(settings: Settings, options: argparse.Namespace) -> int:
    from meterhouse.warehouse.access import grant_team, revoke_team

    url = settings.require_migrate_url()
    if options.revoke:
        lines = revoke_team(url, options.team, options.organization)
    else:
        projects = [name.strip() for name in options.projects.split(",") if name.strip()]
        lines = grant_team(url, options.team, projects, options.organization)
    for line in lines:
        say(line)
    return 0


def _provision_metabase(_: Settings, options: argparse.Namespace) -> int:
    from meterhouse.bi_files.metabase import provision

    outcome = provision(options.url, os.environ)
    say(f"{options.url}: {len(outcome.created):,} created, {len(outcome.updated):,} updated")
    return 0


def _dashboard(settings: Settings, options: argparse.Namespace) -> int:
    from meterhouse.dashboard.command import serve_dashboard

    serve_dashboard(settings, options.port or settings.dashboard_port)
    return 0


def _report(settings: Settings, options: argparse.Namespace) -> int:
    from meterhouse.dashboard.filters import Filters
    from meterhouse.dashboard.reader_url import reader_url
    from meterhouse.dashboard.static_report import write_report

    days = {name: [str(day.date())] for name in ("first", "last") if (day := getattr(options, name)) is not None}
    size = write_report(reader_url(settings), Filters.of_query(days, datetime.now(UTC).date()), options.out)
    say_where(f"wrote {size / 1000:,.0f} kB", options.out)
    return 0


def _alias(settings: Settings, options: argparse.Namespace) -> int:
    from meterhouse.load.model_aliases import list_aliases, remove_alias, set_alias

    url = settings.require_warehouse()
    words = [word for word in (options.model, options.shown_as) if word is not None]
    if options.remove is not None and not words:
        say(remove_alias(url, options.remove))
    elif options.remove is None and len(words) == 2:
        for line in set_alias(url, *words):
            say(line)
    elif options.remove is None and not words:
        aliases = list_aliases(url)
        say_table(("model", "shown as"), aliases) if aliases else say("no model is shown under an alias")
    else:
        raise FixConfiguration("give a model and the name to show it under, or --remove and a model, or nothing for a list")
    return 0


def _rebuild_totals(settings: Settings, _: argparse.Namespace) -> int:
    from meterhouse.load.store import Store

    with Store(settings.require_warehouse()) as store:
        written = store.rebuild_totals()
    say(f"rebuilt {counted(written, 'daily total')}" if written else "all daily totals match the rows")
    return 0


def _retain(settings: Settings, options: argparse.Namespace) -> int:
    from meterhouse.load.retention import retain

    with _terminable():
        for line in retain(settings, datetime.now(UTC), drops=options.drop):
            say(line)
    return 0


def _purge(settings: Settings, options: argparse.Namespace) -> int:
    from meterhouse.load.store import Store

    with Store(settings.require_warehouse()) as store:
        removed = store.purge(options.organization)
    say(f"removed {options.organization}: {', '.join(f'{count} from {table}' for table, count in removed.items())}")
    return 0


def _rename_organization(settings: Settings, options: argparse.Namespace) -> int:
    from meterhouse.load.rename_organization import rename_organization

    for line in rename_organization(settings.require_migrate_url(), options.old, options.new):
        say(line)
    return 0


def _fake_api(settings: Settings, options: argparse.Namespace) -> int:
    from meterhouse.fake_openai import run

    run(
        options.port or settings.fake_api_port,
        seed=options.seed,
        now=options.now,
        replay=options.replay,
        admin_key=os.environ.get("METERHOUSE_FAKE_API_KEY"),
        control=True,
        absent=tuple(name.strip() for name in options.absent.split(",") if name.strip()),
    )
    return 0


COMMANDS = {
    "up": _up,
    "down": _down,
    "migrate": _migrate,
    "sync": _sync,
    "backfill": _backfill,
    "status": _status,
    "check": _check,
    "export": _export,
    "grant-team": _grant_team,
    "provision-metabase": _provision_metabase,
    "dashboard": _dashboard,
    "report": _report,
    "alias": _alias,
    "rebuild-totals": _rebuild_totals,
    "rename-organization": _rename_organization,
    "retain": _retain,
    "purge": _purge,
    "fake-api": _fake_api,
}
