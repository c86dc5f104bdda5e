"""The words of the command line: commands and options, and what they mean."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from meterhouse import __version__
from meterhouse.catalogue.endpoints import DAY, ENDPOINTS, WIDTHS
from meterhouse.control_characters import visible
from meterhouse.errors import FixConfiguration
from meterhouse.labels import DEMO_LABEL
from meterhouse.load.backfill_range import parse_day

DIRECTORY = "directory"


class _Parser(argparse.ArgumentParser):
    """Bad words on the command line are one line and exit status 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"meterhouse: {visible(message)}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    top = _Parser(prog="meterhouse", description="OpenAI usage and costs in your own PostgreSQL, kept right.")
    top.add_argument("--version", action="version", version=__version__)
    top.add_argument("--verbose", action="store_true", help="log every window and every retry")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    commands.add_parser("up", help="start PostgreSQL, Airflow and the first load on this machine; Ctrl-C stops them")
    commands.add_parser("down", help="stop what `up` started, from another terminal or after a crash")
    commands.add_parser("migrate", help="bring the warehouse's tables and views to this version")

    sync = commands.add_parser("sync", help="load what is new and what may have been restated")
    _add_only(sync, f"{DIRECTORY} and endpoints", [DIRECTORY, *ENDPOINTS])

    backfill = commands.add_parser("backfill", help="load a range of days again; resumes after a stop")
    backfill.add_argument("--from", dest="first", required=True, metavar="DATE", type=_day, help="first day, YYYY-MM-DD")
    backfill.add_argument("--to", dest="last", required=True, metavar="DATE", type=_day, help="last day, included")
    _add_only(backfill, "endpoints", list(ENDPOINTS))
    backfill.add_argument("--bucket-width", default=DAY.name, choices=list(WIDTHS), metavar="W", help=f"one of {', '.join(WIDTHS)}")
    backfill.add_argument("--force", action="store_true", help="let an empty answer remove the rows of an old window")
    backfill.add_argument("--dry-run", action="store_true", help="show the plan, ask the vendor nothing and load nothing")

    commands.add_parser("status", help="show how far each stream is loaded")
    check = commands.add_parser("check", help="look for gaps, staleness and figures that do not add up")
    check.add_argument("--offline", action="store_true", help="ask the warehouse alone, and not the vendor for control totals")

    _add_reading(commands)
    alias = commands.add_parser("alias", help="show a model under another name in every view; without words, list the aliases")
    alias.add_argument("model", nargs="?", metavar="FROM", help="a model's name, or one of the vendor's words for it")
    alias.add_argument("shown_as", nargs="?", metavar="TO", help="the name to show it under")
    alias.add_argument("--remove", metavar="FROM", help="show it under its own name again")

    commands.add_parser("add-up", help="make the sums by day those of the rows, if a check says that they are not")

    retain = commands.add_parser("retain", help="show which hours and minutes are older than METERHOUSE_RETENTION_* asks for, or drop them")
    what = retain.add_mutually_exclusive_group()
    what.add_argument("--dry-run", action="store_true", help="show what would be dropped, and drop nothing; so it is without --drop too")
    what.add_argument("--drop", action="store_true", help="drop it, and give the space back")

    rename = commands.add_parser("rename-organization", help="give an organization another label, with all that names it")
    rename.add_argument("old", metavar="OLD", help="the label that the warehouse holds it under")
    rename.add_argument("new", metavar="NEW", help="the label that its key has from now on")

    purge = commands.add_parser("purge", help="remove an organization, rows and names")
    purge.add_argument("--organization", required=True, metavar="LABEL", help=f"its label, such as {DEMO_LABEL}")

    fake = commands.add_parser("fake-api", help="serve an invented organization, for a trial without a key")
    fake.add_argument("--port", type=int, metavar="N", help="port on this machine (default: METERHOUSE_FAKE_API_PORT)")
    fake.add_argument("--seed", type=int, default=7, help="another number invents another organization")
    fake.add_argument("--now", type=_instant, metavar="INSTANT", help="stop its clock, such as 2026-11-20T12:00:00Z")
    fake.add_argument("--replay", type=Path, metavar="DIR", help="serve recorded pages from a folder instead")
    fake.add_argument("--absent", default="", metavar="E,E", help="endpoints that answer 404")
    return top


def _add_reading(commands: Any) -> None:
    """Commands for those who read the figures, and for what they read them with."""
    export = commands.add_parser("export", help="write a view to a file")
    export.add_argument("view", metavar="VIEW", help="a view of schema bi, such as costs_daily")
    export.add_argument("--format", dest="file_format", required=True, choices=["csv", "json", "parquet", "hyper", "xlsx"])
    export.add_argument("--out", required=True, type=Path, metavar="FILE", help="the file; a pipe is written through, - is standard output")
    export.add_argument("--raw", action="store_true", help="csv: leave text that a spreadsheet would run as a formula as it is")
    export.add_argument("--from", dest="first", metavar="DATE", type=_day, help="first day, YYYY-MM-DD; for a view by month, of the month")
    export.add_argument("--to", dest="last", metavar="DATE", type=_day, help="last day, included")
    export.add_argument("--where-project", nargs="+", action="extend", default=[], metavar="ID", help="projects, by project_id")
    export.add_argument("--where-organization", nargs="+", action="extend", default=[], metavar="LABEL", help="organizations, by label")

    team = commands.add_parser("grant-team", help="let a role see some projects alone, in the views of schema bi_team")
    team.add_argument("team", metavar="NAME", help="the role; it is made if it is missing")
    wanted = team.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--projects", metavar="ID,ID", help="all projects that it is to see in the organization, or the word all")
    wanted.add_argument("--revoke", action="store_true", help="take away what it sees")
    team.add_argument("--organization", metavar="LABEL", help="needed when several organizations are loaded")

    metabase = commands.add_parser("provision-metabase", help="put the warehouse, questions and a dashboard into Metabase; safe to repeat")
    metabase.add_argument("--url", required=True, metavar="URL", help="its address, such as http://127.0.0.1:3000")

    dashboard = commands.add_parser("dashboard", help="serve the dashboard on this machine")
    dashboard.add_argument("--port", type=int, metavar="N", help="port on this machine (default: METERHOUSE_DASHBOARD_PORT)")

    report = commands.add_parser("report", help="write the dashboard's charts and tables to one file that opens offline")
    report.add_argument("--out", required=True, type=Path, metavar="FILE", help="the file; a pipe is written through, - is standard output")
    report.add_argument("--from", dest="first", metavar="DATE", type=_day, help="first day, YYYY-MM-DD (default: 30 days)")
    report.add_argument("--to", dest="last", metavar="DATE", type=_day, help="last day, included (default: today, UTC)")


def _add_only(command: argparse.ArgumentParser, what: str, names: list[str]) -> None:
    command.add_argument("--only", metavar="E,E", help=f"{what} to load, out of {', '.join(names)}")


def _day(text: str) -> datetime:
    try:
        return parse_day(text)
    except FixConfiguration as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an instant: write it as 2026-11-20T12:00:00Z") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
