"""Migrations: bring a warehouse to this version's tables and views, one migrator at a time, in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from meterhouse.checkout import folder_beside
from meterhouse.errors import FixConfiguration, MeterhouseError
from meterhouse.settings import local_time_zone, reporting_currency
from meterhouse.warehouse.database import Connection, connect
from meterhouse.warehouse.database_errors import failed_statement, reason
from meterhouse.warehouse.derived_names import derive_again
from meterhouse.warehouse.list_prices_kept import keep_list_prices
from meterhouse.warehouse.ownership import require_ours
from meterhouse.warehouse.rights import hand_over, make_roles, repair
from meterhouse.warehouse.rollups import fill_new
from meterhouse.warehouse.session import MIGRATE
from meterhouse.warehouse.table_statistics import gather
from meterhouse.warehouse.views import drop_views, rebuild_views, views

log = logging.getLogger(__name__)

VERSION_SCHEMA = "ops"
# The newest migration that added a table of sums, or emptied one for a new column: those are filled once it is there.
ROLLUPS_SINCE = "0016"
_LOCK_KEY = 0x6D657465  # "mete": two migrators at once would both try to create the same types
_LOCK_TIMEOUT = "10s"


def script_location() -> Path:
    """Return the folder of the migrations: next to the package if it is installed, or at the top of a checkout."""
    return folder_beside("migrations")


def owner_engine(url: str) -> sa.Engine:
    """Return an engine for the role that owns the warehouse, over sessions as everybody's. The URL stays out of every config file."""
    return sa.create_engine("postgresql+psycopg://", creator=lambda: _session(url), hide_parameters=True, poolclass=sa.NullPool)


def _session(url: str) -> Connection:
    opened = connect(url, MIGRATE)
    opened.autocommit = False
    return opened


def migrate(url: str, revision: str = "head") -> list[str]:
    """Upgrade (or, for an older `revision`, downgrade) the warehouse and rebuild its views; return the revisions that were applied.

    The time zone of the local days is the environment's METERHOUSE_LOCAL_TIME_ZONE, the currency of conversions its
    METERHOUSE_REPORTING_CURRENCY.
    Waits for another migrator; gives up after ten seconds when a reader's open transaction holds a table. Raises `FixConfiguration`
    when the role may not do it, `TryAgainLater` when the server is away or busy.
    """
    time_zone, currency = local_time_zone(), reporting_currency()
    left: list[str] = []
    config = Config()
    config.set_main_option("script_location", str(script_location()).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    try:
        with owner_engine(url).connect() as connection, connection.begin():
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})")
            require_ours(connection, {view.qualified for view in views()}, scripts.get_current_head())
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {VERSION_SCHEMA}")
            _lock_views(connection)
            before = _current(connection)
            config.attributes["connection"] = connection
            if revision == "head" or _is_ahead(scripts, before, revision):
                make_roles(_driver(connection))
                if before != scripts.get_current_head():
                    _hold_off_loads(connection)
                command.upgrade(config, revision)
                if ROLLUPS_SINCE in _applied(scripts, before, _current(connection)):
                    fill_new(_driver(connection))
            else:
                drop_views(connection)
                command.downgrade(config, revision)
            after = _current(connection)
            if after == scripts.get_current_head():
                hand_over(_driver(connection))
                derive_again(_driver(connection))
                keep_list_prices(_driver(connection))
                rebuild_views(connection, time_zone=time_zone, reporting_currency=currency)
                left = repair(_driver(connection))
    except CommandError as error:
        raise FixConfiguration(
            f"the warehouse's migration is unknown to this version ({error}): install the version that wrote it"
        ) from None
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        raise _refusal(error) from None
    for line in left:
        log.warning("%s", line)
    applied = _applied(scripts, before, after)
    if after == scripts.get_current_head():
        _gather_statistics(url, every_table=bool(applied))
    return applied


@contextmanager
def as_the_migrations_make_it(url: str, config: Config) -> Iterator[None]:
    """Bring an empty database to the newest migration, without views and whatever the catalogue says, and lend it to Alembic's `config`."""
    with owner_engine(url).connect() as connection, connection.begin():
        connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {VERSION_SCHEMA}")
        make_roles(_driver(connection))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        yield


def _driver(connection: sa.Connection) -> psycopg.Connection[Any]:
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


def _lock_views(connection: sa.Connection) -> None:
    """Lock the views before any table, the outer ones first, as a reader's query does: in another order the two would deadlock.

    Giving a view to the owner that it has locks it and changes nothing; LOCK TABLE would take every table under it as well.
    """
    query = (
        "SELECT schemaname || '.' || viewname, quote_ident(viewowner) FROM pg_catalog.pg_views"
        " WHERE schemaname IN ('warehouse', 'bi', 'bi_team')"
    )
    owners = {str(row[0]): str(row[1]) for row in connection.exec_driver_sql(query)}
    for view in reversed(views()):
        if view.qualified in owners:
            connection.exec_driver_sql(f"ALTER VIEW {view.qualified} OWNER TO {owners[view.qualified]}")


def _hold_off_loads(connection: sa.Connection) -> None:
    """Lock every stream as a load does: one that is being put in place is waited for, the next one waits for the upgrade."""
    if connection.exec_driver_sql("SELECT to_regclass('ops.watermarks')").scalar():
        connection.exec_driver_sql("SELECT FROM ops.watermarks FOR UPDATE")


def _gather_statistics(url: str, *, every_table: bool) -> None:
    try:
        with connect(url, MIGRATE) as connection:
            gather(connection, every_table=every_table)
    except (psycopg.Error, MeterhouseError) as error:
        log.warning("the migration is done, but statistics were not gathered (%s): run ANALYZE, or questions may be slow", reason(error))


def _current(connection: sa.Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table_schema": VERSION_SCHEMA})
    return context.get_current_revision()


def _is_ahead(scripts: ScriptDirectory, current: str | None, target: str) -> bool:
    known = [script.revision for script in reversed(list(scripts.walk_revisions()))]
    if target not in known:
        return target not in {"base"}
    return current is None or known.index(target) > known.index(current)


def _applied(scripts: ScriptDirectory, before: str | None, after: str | None) -> list[str]:
    order = [script.revision for script in reversed(list(scripts.walk_revisions()))]
    start = order.index(before) + 1 if before in order else 0
    end = order.index(after) + 1 if after in order else 0
    return order[start:end] if end > start else list(reversed(order[end:start]))


def _refusal(error: Exception) -> MeterhouseError:
    cause = _cause(error)
    if isinstance(cause, psycopg.errors.InsufficientPrivilege):
        return FixConfiguration(f"the role may not migrate the warehouse ({reason(cause)}): use its owner, or a superuser")
    if isinstance(cause, psycopg.ProgrammingError):
        return FixConfiguration(
            f"the warehouse is not as its migrations left it ({reason(cause)}): undo what was changed by hand, or restore a backup"
        )
    return failed_statement("the migration changed nothing", cause)


def _cause(error: Exception) -> Exception:
    return error.orig if isinstance(error, sa.exc.DBAPIError) and isinstance(error.orig, Exception) else error
