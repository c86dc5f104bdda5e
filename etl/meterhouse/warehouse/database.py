"""The one way to open a session of the warehouse, whose settings are set and read back, and its errors as lines that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from meterhouse.errors import FixConfiguration, MeterhouseError
from meterhouse.warehouse.database_errors import MIGRATE_REMEDY, failed_connection, failed_statement
from meterhouse.warehouse.pooler import require_own_backend
from meterhouse.warehouse.session import FACTS, LOAD, Facts, Purpose, require_kept, require_usable
from meterhouse.warehouse.watched_connection import WatchedConnection, watch

__all__ = ["MALFORMED_URL", "MIGRATE_REMEDY", "Connection", "connect", "translated"]

Connection = psycopg.Connection[tuple[Any, ...]]

MALFORMED_URL = "WAREHOUSE_URL must be a URL of the form postgresql://user:password@host:5432/database"
# Deadlines of the wire; a URL may name others.
_DEADLINES: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_SET = "SELECT set_config(s.name, s.value, false) FROM unnest(%s::text [], %s::text []) s (name, value)"
_READ = "SELECT s.name, current_setting(s.name, true), pg_backend_pid() FROM unnest(%s::text []) s (name)"


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn database errors into errors that say what to do; the text never holds the URL."""
    try:
        yield
    except (psycopg.Error, UnicodeEncodeError) as error:
        raise failed_statement(what, error) from None


def connect(url: str, purpose: Purpose = LOAD) -> WatchedConnection:
    """Open an autocommit session for `purpose`, with every setting that anything depends on; sessions that write are refused on a standby.

    Raises `TryAgainLater` when the server is away, starting, full or read-only, `FixConfiguration` when it refuses the role or cannot be
    used: no PostgreSQL, too old, another encoding than UTF8, or behind a pooler that does not keep a session's backend.
    """
    opened = _opened(url, purpose.application_name)
    try:
        with translated("the session"):
            _prepare(opened, purpose, lambda: _second(url))
    except MeterhouseError:
        opened.close()
        raise
    return opened


def _opened(url: str, application_name: str) -> WatchedConnection:
    try:
        opened = WatchedConnection.connect(autocommit=True, **_parameters(url, application_name))
    except (psycopg.Error, UnicodeError) as error:
        raise failed_connection(error) from None
    opened.opener = lambda: _second(url)
    opened.backend_pid = opened.info.backend_pid
    watch(opened)
    return opened


def _second(url: str) -> Connection:
    """Open a plain session that asks about another."""
    return psycopg.connect(autocommit=True, **_parameters(url, "meterhouse watch"))


def _parameters(url: str, application_name: str) -> dict[str, Any]:
    """Return what libpq is to know; settings are no part of it, as poolers refuse or drop them."""
    try:
        named = conninfo_to_dict(url)
    except psycopg.Error:
        raise FixConfiguration(MALFORMED_URL) from None
    return _DEADLINES | named | {"client_encoding": "UTF8", "application_name": application_name}


def _prepare(opened: WatchedConnection, purpose: Purpose, open_second: Callable[[], Connection]) -> None:
    try:
        facts = Facts(*(opened.execute(FACTS).fetchone() or ()))
    except (psycopg.ProgrammingError, psycopg.NotSupportedError, TypeError):
        raise FixConfiguration("the warehouse's server does not answer as PostgreSQL does: use PostgreSQL 15 to 18") from None
    is_pooled = facts.backend_pid != opened.info.backend_pid
    opened.backend_pid = facts.backend_pid
    require_usable(facts, purpose)
    if is_pooled:
        require_own_backend(opened, open_second, can_listen=not facts.is_in_recovery)
        opened.execute("DISCARD ALL")  # what a session before this one left, and what the proof needed
    wanted = purpose.settings
    opened.execute(_SET, (list(wanted), list(wanted.values())))
    rows = opened.execute(_READ, (list(wanted),)).fetchall()
    require_kept(wanted, {name: value for name, value, pid in rows if pid == facts.backend_pid})
