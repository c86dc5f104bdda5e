"""The words of the command line: commands and options, and what they mean."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from meterhouse import __version__
from meterhouse.catalogue.endpoints import DAY, ENDPOINTS, WIDTHS
from meterhouse.command_line.import_words import add_budgets, add_import, add_teams
from meterhouse.command_line.speech import remark
from meterhouse.control_characters import visible
from meterhouse.errors import FixConfiguration
from meterhouse.labels import DEMO_LABEL
from meterhouse.load.backfill_range import parse_day
from meterhouse.ports import LOOPBACK

DIRECTORY = "directory"
# More rows or seconds are what meterhouse sql is for.
LARGEST_LIMIT = 100_000
# Old names that go on working: hidden from help, and each says what it is called now.
RENAMED = {"add-up": "rebuild-totals"}


class _Parser(argparse.ArgumentParser):
    """Bad words on the command line are one line and exit status 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"meterhouse: {visible(message)}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    top = _Parser(prog="meterhouse", description="OpenAI usage and costs in your own PostgreSQL, kept correct.")
    top.add_argument("--version", action="version", version=__version__)
    top.add_argument("--verbose", action="store_true", help="log every window and every retry")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    commands.add_parser("up", help="start PostgreSQL, Airflow and the first load on this machine; Ctrl-C stops them")
    commands.add_parser("down", help="stop what `up` started, from another terminal or after a crash")
    commands.add_parser("migrate", help="upgrade the warehouse's tables and views to this version")

    sync = commands.add_parser("sync", help="load new data, and reload what the vendor may have restated")
    _add_only(sync, f"{DIRECTORY} and endpoints", [DIRECTORY, *ENDPOINTS])

    backfill = commands.add_parser("backfill", help="load a range of days again; if stopped, it resumes where it left off")
    backfill.add_argument("--from", dest="first", required=True, metavar="DATE", type=_day, help="first day, YYYY-MM-DD")
    backfill.add_argument("--to", dest="last", required=True, metavar="DATE", type=_day, help="last day (inclusive)")
    _add_only(backfill, "endpoints", list(ENDPOINTS))
    backfill.add_argument("--bucket-width", default=DAY.name, choices=list(WIDTHS), metavar="W", help=f"one of {', '.join(WIDTHS)}")
    backfill.add_argument("--force", action="store_true", help="allow an empty answer to remove the rows of an old window")
    backfill.add_argument("--dry-run", action="store_true", help="show the plan without asking the vendor or loading anything")

    commands.add_parser("status", help="show how far each stream is loaded")
    check = commands.add_parser("check", help="look for gaps, staleness and figures that do not add up")
    check.add_argument("--offline", action="store_true", help="check only the warehouse; do not ask the vendor for control totals")

    _add_reading(commands)
    add_import(commands)
    add_teams(commands)
    add_budgets(commands)
    alias = commands.add_parser("alias", help="show a model under another name in every view; without arguments, list the aliases")
    alias.add_argument("model", nargs="?", metavar="FROM", help="the model's name, or one of the vendor's names for it")
    alias.add_argument("shown_as", nargs="?", metavar="TO", help="the name to show it under")
    alias.add_argument("--remove", metavar="FROM", help="show the model under its own name again")

    commands.add_parser("rebuild-totals", help="rebuild the daily and hourly totals from the rows if a check reports that they differ")
    for old in RENAMED:
        commands.add_parser(old)  # without help, so that it is not listed

    retain = commands.add_parser("retain", help="show which hours and minutes are older than METERHOUSE_RETENTION_* allows, or drop them")
    what = retain.add_mutually_exclusive_group()
    what.add_argument("--dry-run", action="store_true", help="show what would be dropped, without dropping it (default)")
    what.add_argument("--drop", action="store_true", help="drop the old data and free its space")

    rename = commands.add_parser("rename-organization", help="give an organization another label, everywhere it is named")
    rename.add_argument("old", metavar="OLD", help="its label in the warehouse now")
    rename.add_argument("new", metavar="NEW", help="its label from now on, and that of its key")

    purge = commands.add_parser("purge", help="remove an organization, with its rows and names")
    purge.add_argument("--organization", required=True, metavar="LABEL", help=f"its label, such as {DEMO_LABEL}")

    fake = commands.add_parser("fake-api", help="serve an invented organization, to try meterhouse without a key")
    fake.add_argument("--port", type=int, metavar="N", help="port on this machine (default: METERHOUSE_FAKE_API_PORT)")
    fake.add_argument("--seed", type=int, default=7, help="seed of the invented organization; a different number gives a different one")
    fake.add_argument("--now", type=_instant, metavar="INSTANT", help="stop its clock at this instant, such as 2026-11-20T12:00:00Z")
    fake.add_argument("--replay", type=Path, metavar="DIR", help="serve recorded pages from a folder instead")
    fake.add_argument("--absent", default="", metavar="E,E", help="endpoints that answer 404")
    return top


def current_name(command: str) -> str:
    """Return what a command is called now; one that was typed by its old name is said to be renamed."""
    if command not in RENAMED:
        return command
    remark(f"{command} is called {RENAMED[command]} now")
    return RENAMED[command]


def _add_reading(commands: Any) -> None:
    """Commands for those who read the figures, and for what they read them with."""
    export = commands.add_parser("export", help="write a view to a file")
    export.add_argument("view", metavar="VIEW", help="a view of schema bi, such as costs_daily")
    export.add_argument("--format", dest="file_format", required=True, choices=["csv", "json", "parquet", "hyper", "xlsx"])
    export.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="the file to write; - is standard output, and a pipe works too"
    )
    export.add_argument("--raw", action="store_true", help="csv: do not escape text that a spreadsheet would run as a formula")
    export.add_argument(
        "--names", dest="names", default="view", choices=["view", "focus"], help="names of the columns; focus is for the view focus_costs"
    )
    export.add_argument(
        "--from", dest="first", metavar="DATE", type=_day, help="first day, YYYY-MM-DD; for a monthly view, the first day of a month"
    )
    export.add_argument("--to", dest="last", metavar="DATE", type=_day, help="last day (inclusive)")
    export.add_argument("--where-project", nargs="+", action="extend", default=[], metavar="ID", help="only these projects, by project_id")
    export.add_argument(
        "--where-organization", nargs="+", action="extend", default=[], metavar="LABEL", help="only these organizations, by label"
    )

    sql = commands.add_parser("sql", help="query the warehouse in SQL; nothing is written")
    sql.add_argument("statement", metavar="SQL", help="one SELECT, WITH or VALUES; - reads it from standard input")
    sql.add_argument("--format", dest="file_format", default="table", choices=["table", "csv", "json"], help="table is the default")
    sql.add_argument("--raw", action="store_true", help="csv: do not escape text that a spreadsheet would run as a formula")

    mcp = commands.add_parser(
        "mcp", help="answer an assistant's questions through the Model Context Protocol, on standard input and output"
    )
    mcp.add_argument("--rows", type=_positive, default=1_000, metavar="N", help="refuse answers with more rows (default: 1000)")
    mcp.add_argument("--seconds", type=_positive, default=30, metavar="N", help="refuse questions that take longer (default: 30)")

    team = commands.add_parser("grant-team", help="give a role access to selected projects only, through the views of schema bi_team")
    team.add_argument("team", metavar="NAME", help="the role; it is created if it does not exist")
    wanted = team.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--projects", metavar="ID,ID", help="all projects of the organization that the role may see, or the word all")
    wanted.add_argument("--revoke", action="store_true", help="take the role's access away")
    team.add_argument("--organization", metavar="LABEL", help="needed when several organizations are loaded")

    reader = commands.add_parser("create-reader", help="make a login for a person or a BI tool that reads everything in schema bi")
    reader.add_argument(
        "name",
        metavar="NAME",
        help="the login; its password is METERHOUSE_READER_PASSWORD, or the one you type, or else generated and shown once",
    )

    metabase = commands.add_parser("provision-metabase", help="set up the warehouse, questions and a dashboard in Metabase; safe to repeat")
    metabase.add_argument("--url", required=True, metavar="URL", help="address of Metabase, such as http://127.0.0.1:3000")

    dashboard = commands.add_parser("dashboard", help="serve the dashboard")
    dashboard.add_argument(
        "--host",
        metavar="ADDRESS",
        default=LOOPBACK,
        help="address to listen on (default: 127.0.0.1); any other needs a token or a proxy's sign-in",
    )
    dashboard.add_argument("--port", type=int, metavar="N", help="port on this machine (default: METERHOUSE_DASHBOARD_PORT)")

    report = commands.add_parser(
        "report", help="write the answers, charts and tables of some days, or of a month, to a single file that opens offline"
    )
    report.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="the file to write; - is standard output, and a pipe works too"
    )
    report.add_argument("--from", dest="first", metavar="DATE", type=_day, help="first day, YYYY-MM-DD (default: the last 30 days)")
    report.add_argument("--to", dest="last", metavar="DATE", type=_day, help="last day (inclusive; default: today, UTC)")
    report.add_argument("--month", metavar="YYYY-MM", type=_month, help="a short report of this month instead, with the invoice")
    report.add_argument(
        "--pdf", action="store_true", help="write a PDF, which a FILE that ends in .pdf is anyway; needs Chromium or Chrome"
    )


def _add_only(command: argparse.ArgumentParser, what: str, names: list[str]) -> None:
    command.add_argument("--only", metavar="E,E", help=f"{what} to load, out of {', '.join(names)}")


def _month(text: str) -> datetime:
    if not re.fullmatch(r"\d{4}-\d{2}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a month: write it as 2026-10")
    return _day(f"{text}-01")


def _day(text: str) -> datetime:
    try:
        return parse_day(text)
    except FixConfiguration as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _positive(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= LARGEST_LIMIT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {LARGEST_LIMIT:,}")
    return int(text)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an instant: write it as 2026-11-20T12:00:00Z") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
