"""The command that brings in files of people: what each kind of file calls, and the lines that say what was done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meterhouse.command_line.speech import say, say_table
from meterhouse.command_line.stopping import terminable

if TYPE_CHECKING:
    import argparse

    from meterhouse.settings import Settings


def _usage(settings: Settings, options: argparse.Namespace) -> Iterable[str]:
    return _saved_files(settings, options, is_costs=False)


def _costs(settings: Settings, options: argparse.Namespace) -> Iterable[str]:
    return _saved_files(settings, options, is_costs=True)


def _saved_files(settings: Settings, options: argparse.Namespace, *, is_costs: bool) -> Iterable[str]:
    from meterhouse.imports.saved_files import Chosen, import_files

    return import_files(settings, options.files, Chosen(is_costs, options.organization, options.exported_on, options.dry_run))


def _legacy_api(settings: Settings, options: argparse.Namespace) -> Iterable[str]:
    from meterhouse.imports.legacy_api import import_from_legacy_api
    from meterhouse.load.backfill_range import backfill_window

    window = backfill_window(options.first, options.last, datetime.now(UTC))
    return import_from_legacy_api(settings, window, options.organization, dry_run=options.dry_run)


def _invoice(settings: Settings, options: argparse.Namespace) -> list[str]:
    from meterhouse.errors import FixConfiguration
    from meterhouse.imports.invoices import import_invoices
    from meterhouse.imports.removed_invoices import remove_invoice

    if bool(options.files) == bool(options.remove) or (options.organization and not options.remove):
        raise FixConfiguration("give files to import, or --remove with the number of an invoice, perhaps with --organization; not both")
    if options.remove:
        now = datetime.now(UTC)
        return remove_invoice(settings, options.remove, options.organization, now, dry_run=options.dry_run, reopens=options.reopen)
    return import_invoices(settings, options.files, datetime.now(UTC), dry_run=options.dry_run, reopens=options.reopen)


def _purchases(settings: Settings, options: argparse.Namespace) -> list[str]:
    from meterhouse.imports.purchases import import_purchases

    return import_purchases(settings, options.files, datetime.now(UTC), dry_run=options.dry_run)


def _prices(settings: Settings, options: argparse.Namespace) -> list[str]:
    from meterhouse.imports.prices import import_prices

    return import_prices(settings, options.files[0], dry_run=options.dry_run)


def _rates(settings: Settings, options: argparse.Namespace) -> list[str]:
    from meterhouse.imports.rates import import_rates

    return import_rates(settings, options.files, datetime.now(UTC), dry_run=options.dry_run)


def _planned(settings: Settings, options: argparse.Namespace) -> list[str]:
    from meterhouse.imports.planned import import_planned

    return import_planned(settings, options.files, datetime.now(UTC), dry_run=options.dry_run)


def _recipients(settings: Settings, options: argparse.Namespace) -> list[str]:
    from meterhouse.imports.recipients import import_recipients

    return import_recipients(settings, options.files[0], datetime.now(UTC), dry_run=options.dry_run)


KINDS: dict[str, Callable[[Settings, argparse.Namespace], Iterable[str]]] = {
    "usage": _usage,
    "costs": _costs,
    "legacy-api": _legacy_api,
    "invoice": _invoice,
    "purchases": _purchases,
    "prices": _prices,
    "rates": _rates,
    "planned": _planned,
    "recipients": _recipients,
}


def bring_in(settings: Settings, options: argparse.Namespace) -> int:
    """Import files of one kind."""
    with terminable():
        for line in KINDS[options.kind](settings, options):
            say(line)
    return 0


def teams(settings: Settings, options: argparse.Namespace) -> int:
    """Import or list the assignments to teams."""
    from meterhouse.imports.teams import COLUMNS, import_teams, list_teams

    if options.action == "import":
        for line in import_teams(settings, options.file, datetime.now(UTC), dry_run=options.dry_run):
            say(line)
        return 0
    assignments = list_teams(settings)
    say_table(COLUMNS, assignments) if assignments else say("nothing is assigned to a team: meterhouse teams import FILE does it")
    return 0


def budgets(settings: Settings, options: argparse.Namespace) -> int:
    """Import or list the budgets, or send the notices that are due."""
    from meterhouse.imports.budgets import COLUMNS, import_budgets, list_budgets

    if options.action == "import":
        lines = import_budgets(settings, options.file, datetime.now(UTC), dry_run=options.dry_run)
    elif options.action == "report":
        from meterhouse.orchestration.spend_watch import report_spending

        lines = report_spending(settings.require_warehouse(), sends=not options.dry_run).lines
    else:
        found = list_budgets(settings)
        say_table(COLUMNS, found) if found else say("there is no budget: meterhouse budgets import FILE brings some in")
        return 0
    for line in lines:
        say(line)
    return 0
