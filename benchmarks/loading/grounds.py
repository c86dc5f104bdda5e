"""A server, and fresh warehouses on it: what every measurement begins from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier, Literal
from tests.conftest import (
    LOADER,
    OWNER,
    PASSWORDS,
    READER,
    TEMPLATE,
    Server,
    Warehouse,
    create_database,
    create_owner,
    is_there,
    warehouse_addresses,
)
from tests.faults.installed_postgres import installed_postgres, programs_of

from meterhouse.catalogue.endpoints import COMPLETIONS
from meterhouse.local.postgres import TUNING, EmbeddedPostgres, temporary_postgres
from meterhouse.local.roles import give_login
from meterhouse.warehouse.migrate import migrate

PEERS = "peers"
FACT = Identifier("warehouse", COMPLETIONS.table)


class Grounds:
    """A running server with a migrated database to copy warehouses from, and one for the tables of peers."""

    def __init__(self, server: Server) -> None:
        self._server = server
        create_owner(server)
        create_database(server, TEMPLATE)
        migrate(server.url(TEMPLATE, OWNER, PASSWORDS[OWNER]))
        for role in (LOADER, READER):
            give_login(server.url(), role, PASSWORDS[role])
        create_database(server, PEERS)

    @property
    def peers_url(self) -> str:
        """The database of the peers, as the superuser."""
        return self._server.url(PEERS)

    @property
    def log_file(self) -> Path:
        """Where the embedded server writes its log."""
        if not isinstance(self._server, EmbeddedPostgres):
            raise TypeError("only the embedded server's log is at a known place")
        return self._server.log_file

    @property
    def version(self) -> str:
        """The server's version, such as 18.6."""
        return str(self.asked(self._server.url(), "SHOW server_version")[0]).split()[0]

    def fresh(self, name: str) -> Warehouse:
        """Return an empty warehouse in the place of the one that had this name."""
        if is_there(self._server, name):
            self.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
        create_database(self._server, name, TEMPLATE)
        return warehouse_addresses(self._server, name)

    def execute(self, statement: Any, url: str | None = None) -> None:
        """Run a statement in autocommit, as the superuser."""
        with psycopg.connect(url or self._server.url(), autocommit=True) as connection:
            connection.execute(statement)

    @staticmethod
    def asked(url: str, query: Any) -> tuple[Any, ...]:
        """Return the first row of an answer."""
        with psycopg.connect(url) as connection:
            return connection.execute(query).fetchone() or ()

    def checkpoint(self) -> None:
        """Begin a checkpoint cycle, so that every timed pass pays for the first change of a page."""
        self.execute(SQL("CHECKPOINT"))

    def tidy(self) -> None:
        """Do in every database what autovacuum would have done by the next run, so that it does not write WAL in the middle of a pass."""
        with psycopg.connect(self._server.url()) as connection:
            names = [str(row[0]) for row in connection.execute("SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate")]
        for name in names:
            self.execute(SQL("VACUUM (ANALYZE)"), self._server.url(name))

    def wal_bytes(self) -> int:
        """Return how many bytes of WAL were ever written."""
        return int(self.asked(self._server.url(), "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")[0])

    def let_autovacuum(self, *, run: bool) -> None:
        """Have statistics gathered by the server itself, or only when they are asked for."""
        self.execute(SQL("ALTER SYSTEM SET autovacuum = {}").format(Literal("on" if run else "off")))
        self.execute(SQL("SELECT pg_reload_conf()"))


def bytes_per_row(grounds: Grounds, warehouse: Warehouse) -> float:
    """Return what a row of completions takes on disk, with its index."""
    size = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree({})"
    total = grounds.asked(warehouse.superuser_url, SQL(size).format(Literal(f"warehouse.{COMPLETIONS.table}")))[0]
    return float(total) / int(grounds.asked(warehouse.superuser_url, SQL("SELECT count(*) FROM {}").format(FACT))[0])


@contextmanager
def embedded() -> Iterator[Grounds]:
    """The shipped server, with its usual settings and its usual promises to the disk."""
    with temporary_postgres(fsync=True) as server:
        yield Grounds(server)


@contextmanager
def installed(major: int) -> Iterator[Grounds | None]:
    """A server of another major version with the same settings; None where the system has none."""
    programs = programs_of(major)
    if programs is None:
        yield None
        return
    with installed_postgres(programs, TUNING) as server:
        yield Grounds(server)
