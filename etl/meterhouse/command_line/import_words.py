"""The words of `meterhouse import`, one kind of file each, and of `meterhouse teams` and `meterhouse budgets`."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import Any

from meterhouse.errors import FixConfiguration
from meterhouse.load.backfill_range import parse_day


def add_import(commands: Any) -> None:
    """Add the command with its kinds to the parsers of all commands."""
    bring_in = commands.add_parser(
        "import", help="bring in files of yours: saved usage and costs, invoices, purchases, prices, rates, plans, recipients"
    )
    kinds = bring_in.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind in ("usage", "costs"):
        saved = kinds.add_parser(kind, help=f"exports and saved answers of {kind}, for days that the API has not covered")
        saved.add_argument("files", nargs="+", type=Path, metavar="FILE", help="CSV or JSON as it was saved; see docs/import.md")
        _add_organization(saved)
        saved.add_argument(
            "--exported-on", metavar="DATE", type=day_of, help="when they were saved (default: when they were last modified)"
        )
        _add_dry_run(saved)
    legacy = kinds.add_parser("legacy-api", help="ask the retired endpoints of earlier years, five times a minute")
    legacy.add_argument("--from", dest="first", required=True, metavar="DATE", type=day_of, help="first day, YYYY-MM-DD")
    legacy.add_argument("--to", dest="last", required=True, metavar="DATE", type=day_of, help="last day (inclusive)")
    _add_organization(legacy)
    _add_dry_run(legacy)
    invoice = _kind(kinds, "invoice", "invoices of the vendor, a record per line; a month that ties is closed", files="*")
    invoice.add_argument("--reopen", action="store_true", help="allow a change of a closed month: its corrections are put into its figures")
    invoice.add_argument("--remove", metavar="NUMBER", help="remove the invoice of this number instead of importing files")
    invoice.add_argument("--organization", metavar="LABEL", help="whose invoice to remove, where several have one of this number")
    _kind(kinds, "purchases", "prepaid credits that were bought; the file has all purchases of the organizations that it names")
    _kind(kinds, "prices", "unit prices of your contract, one per line; they replace those of the organizations that the file names")
    _kind(kinds, "rates", "exchange rates by day, for METERHOUSE_REPORTING_CURRENCY", files="+")
    _kind(kinds, "planned", "days on which unusual costs are no surprise; the file has all of the organizations that it names")
    _kind(kinds, "recipients", "who gets which team's reports by mail, a record per team and address; the file has the whole list")


def add_teams(commands: Any) -> None:
    """Add the command for teams to the parsers of all commands."""
    teams = commands.add_parser("teams", help="say which keys, users and projects belong to which team and cost centre")
    actions = teams.add_subparsers(dest="action", required=True, metavar="ACTION")
    bring_in = actions.add_parser("import", help="make the list of assignments that of a file")
    bring_in.add_argument("file", type=Path, metavar="FILE", help="a CSV or JSON file with all assignments")
    _add_dry_run(bring_in)
    actions.add_parser("list", help="show all assignments, the most specific first")


def add_budgets(commands: Any) -> None:
    """Add the command for budgets to the parsers of all commands."""
    budgets = commands.add_parser("budgets", help="say who may spend how much, and send the notices that are due")
    actions = budgets.add_subparsers(dest="action", required=True, metavar="ACTION")
    bring_in = actions.add_parser("import", help="make the list of budgets that of a file")
    bring_in.add_argument("file", type=Path, metavar="FILE", help="a CSV or JSON file with all budgets")
    _add_dry_run(bring_in)
    actions.add_parser("list", help="show all budgets")
    report = actions.add_parser("report", help="send notices that are due through the channels of the alerts, each only once")
    _add_dry_run(report)


def _kind(kinds: Any, name: str, what: str, *, files: int | str = 1) -> Any:
    kind = kinds.add_parser(name, help=what)
    kind.add_argument("files", nargs=files, type=Path, metavar="FILE", help="a CSV or JSON file")
    _add_dry_run(kind)
    return kind


def day_of(text: str) -> datetime:
    """Return the start of a UTC day, YYYY-MM-DD."""
    try:
        return parse_day(text)
    except FixConfiguration as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _add_organization(command: argparse.ArgumentParser) -> None:
    command.add_argument("--organization", metavar="LABEL", help="whose figures they are, where several organizations are loaded")


def _add_dry_run(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dry-run", action="store_true", help="show what would happen, without writing anything")
