"""Upkeep: the commands that change what the warehouse is, what it keeps and who may read it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meterhouse.command_line.speech import say, say_table
from meterhouse.command_line.stopping import terminable
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration

if TYPE_CHECKING:
    import argparse

    from meterhouse.settings import Settings


def migrate(settings: Settings, _: argparse.Namespace) -> int:
    """Bring tables and views to this version."""
    from meterhouse.load.followed import follow_upgrade
    from meterhouse.warehouse.migrate import migrate

    url = settings.require_migrate_url()
    applied = migrate(url)
    say(f"applied {', '.join(applied)}; views are up to date" if applied else "tables and views are up to date")
    with terminable():
        follow_upgrade(url)
    return 0


def grant_team(settings: Settings, options: argparse.Namespace) -> int:
    """Give a team's role access to its projects, or take it away."""
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


def create_reader(settings: Settings, options: argparse.Namespace) -> int:
    """Make a login that reads everything in bi, or give it another password."""
    from meterhouse.command_line.password_asked import password_for
    from meterhouse.warehouse.readers import create_reader, require_reader_name

    url = settings.require_migrate_url()
    require_reader_name(options.name)
    reader = create_reader(url, options.name, password_for(options.name))
    say(reader.done)
    if reader.generated_password is not None:
        say(f"its password, which is shown only now: {reader.generated_password}")
    return 0


def alias(settings: Settings, options: argparse.Namespace) -> int:
    """Set, remove or list the aliases of models."""
    from meterhouse.load.model_aliases import list_aliases, remove_alias, set_alias

    words = [word for word in (options.model, options.shown_as) if word is not None]
    if options.remove is not None and not words:
        say(remove_alias(settings, options.remove))
    elif options.remove is None and len(words) == 2:
        for line in set_alias(settings, *words):
            say(line)
    elif options.remove is None and not words:
        aliases = list_aliases(settings)
        say_table(("model", "shown as"), aliases) if aliases else say("no model is shown under an alias")
    else:
        raise FixConfiguration("give a model and the name to show it under, or --remove and a model, or nothing for a list")
    return 0


def rebuild_totals(settings: Settings, _: argparse.Namespace) -> int:
    """Rebuild the daily and hourly totals that differ from the rows."""
    from meterhouse.load.followed import follow
    from meterhouse.load.store import Store

    with Store(settings.require_warehouse()) as store:
        written = store.rebuild_totals()
        say(f"rebuilt {counted(written, 'total')}" if written else "all totals match the rows")
        follow(settings, store, "totals")
    return 0


def retain(settings: Settings, options: argparse.Namespace) -> int:
    """Show or drop the hours and minutes that are too old."""
    from meterhouse.load.retention import retain

    with terminable():
        for line in retain(settings, datetime.now(UTC), drops=options.drop):
            say(line)
    return 0


def purge(settings: Settings, options: argparse.Namespace) -> int:
    """Remove an organization."""
    from meterhouse.load.store import Store

    with Store(settings.require_warehouse()) as store:
        removed = store.purge(options.organization)
    say(f"removed {options.organization}: {', '.join(f'{count} from {table}' for table, count in removed.items())}")
    return 0


def rename_organization(settings: Settings, options: argparse.Namespace) -> int:
    """Give an organization another label."""
    from meterhouse.load.rename_organization import rename_organization

    for line in rename_organization(settings.require_migrate_url(), options.old, options.new):
        say(line)
    return 0
