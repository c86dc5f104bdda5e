"""Sessions of the dashboard: read-only transactions of one moment, as a role that reads everything or a team's, kept open for a while."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from meterhouse.errors import FixConfiguration, MeterhouseError, TryAgainLater
from meterhouse.warehouse.database import connect, translated
from meterhouse.warehouse.database_errors import may_not_connect
from meterhouse.warehouse.schema import BI, TEAM
from meterhouse.warehouse.session import DASHBOARD

Connection = psycopg.Connection[Any]
# How long a session waits for its next reader, and how long it is used at all: a password that was changed is asked for again.
IDLE_SECONDS = 20
LIFETIME_SECONDS = 600
# As many as one reader uses side by side.
_KEPT = 2
# The same views, everything first: a team's role may use only the second schema.
_SCHEMAS = (BI, TEAM)
_USABLE = """
SELECT s.name, to_regnamespace(s.name) IS NOT NULL, coalesce(has_schema_privilege(to_regnamespace(s.name)::oid, 'USAGE'), false)
FROM unnest(%s::text []) s (name)
"""
_POINT = "SELECT set_config('search_path', %s, false)"
# What a team was granted; every organization has a member for rows without a project, so nothing means no project at all.
_GRANTED = "SELECT md5(string_agg(d.project_key, ',' ORDER BY d.project_key)) FROM dim_project d"
NO_RIGHT = (
    f"the role may not read schema {BI}: grant it meterhouse_reader, or selected projects only, in {TEAM}, with meterhouse grant-team"
)


class Sessions:
    """Sessions as the role of `url`; with `team`, each becomes that team's role. With `is_kept`, they wait open for their next reader."""

    def __init__(self, url: str, team: str | None = None, *, is_kept: bool = False) -> None:
        self._url = url
        self._team = team
        self._is_kept = is_kept
        # Each with the moments when it was opened and when it was last used.
        self._idle: list[tuple[Connection, float, float]] = []
        self._lock = threading.Lock()

    @contextmanager
    def first(self) -> Iterator[tuple[Connection, str]]:
        """A transaction in the schema that the role may use, and a text for what a team was granted: none for everything."""
        try:
            with translated("the figures"), self._lent() as connection:
                try:
                    self._become(connection)
                    yield connection, _enter(connection)
                except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InvalidSchemaName):
                    raise FixConfiguration("the warehouse lacks views that this version needs: run meterhouse migrate") from None
                except psycopg.errors.InsufficientPrivilege:
                    raise FixConfiguration(NO_RIGHT) from None
                except psycopg.errors.QueryCanceled:
                    raise TryAgainLater("the warehouse took longer than a minute: choose fewer days") from None
        except FixConfiguration as error:
            # A team that lost its last project may not even connect.
            if may_not_connect(error):
                raise FixConfiguration(NO_RIGHT) from None
            raise

    @contextmanager
    def second(self, first: Connection) -> Iterator[Connection | None]:
        """A session that sees what `first` sees; none where all connections are used up, or a pooler leads to another server."""
        allowed = first.execute("SELECT has_function_privilege('pg_catalog.pg_export_snapshot()', 'EXECUTE')").fetchone()
        # A server may have taken it from everybody; to try would spoil the transaction.
        if not (allowed and allowed[0]):
            yield None
            return
        moment, schema = first.execute("SELECT pg_export_snapshot(), current_schema()").fetchone() or ("", "")
        with ExitStack() as opened:
            found: Connection | None = None
            try:
                connection = opened.enter_context(self._lent())
                connection.execute(SQL("SET TRANSACTION SNAPSHOT {}").format(Literal(moment)))
                self._become(connection)
                connection.execute(_POINT, (schema,))
                found = connection
            except (MeterhouseError, psycopg.Error):
                opened.close()
            yield found

    @contextmanager
    def _lent(self) -> Iterator[Connection]:
        """A session in a transaction that has read nothing yet; it is kept only if nothing went wrong."""
        connection, opened_at = self._taken() or (self._opened(), monotonic())
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        try:
            # Role, path and settings of the transaction go with it.
            connection.rollback()
        except psycopg.Error:
            connection.close()
        else:
            self._keep(connection, opened_at)

    def _opened(self) -> Connection:
        connection = connect(self._url, DASHBOARD)
        connection.autocommit = False
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        # A plan that is kept is made for any choice, and so for none.
        connection.prepare_threshold = None
        return connection

    def _taken(self) -> tuple[Connection, float] | None:
        """A kept session that still answers."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection, opened_at, _ = self._idle.pop()
            with suppress(psycopg.Error):
                connection.execute("SELECT")
                connection.rollback()
                return connection, opened_at
            connection.close()

    def _keep(self, connection: Connection, opened_at: float) -> None:
        now = monotonic()
        with self._lock:
            is_kept = self._is_kept and len(self._idle) < _KEPT and now - opened_at < LIFETIME_SECONDS
            if is_kept:
                self._idle.append((connection, opened_at, now))
        if not is_kept:
            connection.close()
            return
        timer = threading.Timer(IDLE_SECONDS, self._close_idle)
        timer.daemon = True
        timer.start()

    def _close_idle(self) -> None:
        """Close what nobody has used for a while, so that nobody who wants to drop or stop anything waits for it."""
        before = monotonic() - IDLE_SECONDS
        with self._lock:
            old = [one for one, _, used_at in self._idle if used_at <= before]
            self._idle = [one for one in self._idle if one[2] > before]
        for connection in old:
            connection.close()

    def _become(self, connection: Connection) -> None:
        if self._team is not None:
            try:
                connection.execute(SQL("SET ROLE {}").format(Identifier(self._team)))
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedObject, psycopg.errors.InvalidParameterValue):
                raise FixConfiguration(
                    f"this login may not read as {self._team}: run meterhouse grant-team {self._team} again; if it logs in or may do"
                    " anything else, make a role for its reports with grant-team, under another name"
                ) from None


def _enter(connection: Connection) -> str:
    """Point the session at the first schema that its role may use; return what tells one grant of projects from another, none for bi."""
    found = {name: (exists, usable) for name, exists, usable in connection.execute(_USABLE, (list(_SCHEMAS),))}
    schema = next((name for name in _SCHEMAS if found[name][1]), None)
    if schema is None:
        raise psycopg.errors.InsufficientPrivilege if found[BI][0] else psycopg.errors.InvalidSchemaName
    connection.execute(_POINT, (schema,))
    if schema == BI:
        return ""
    (granted,) = connection.execute(_GRANTED).fetchone() or (None,)
    if granted is None:
        raise FixConfiguration("the role belongs to no team with a granted project: run meterhouse grant-team")
    return f"{granted};"
