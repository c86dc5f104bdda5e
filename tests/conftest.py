"""Fixtures of every test that needs a database: one embedded PostgreSQL a session, one fresh warehouse a test."""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from tests.postgres.pgbouncer import pooled_server

from meterhouse.local.postgres import EmbeddedPostgres, temporary_postgres
from meterhouse.local.roles import give_login
from meterhouse.warehouse.migrate import migrate

OWNER, LOADER, READER = "meterhouse_owner", "meterhouse_loader", "meterhouse_reader"
PASSWORDS = {OWNER: "owner-of-a-test", LOADER: "loader-of-a-test", READER: "reader-of-a-test"}
TEMPLATE = "warehouse_template"


@dataclass(frozen=True)
class Warehouse:
    """The addresses of one test's warehouse, one for each role."""

    owner_url: str
    loader_url: str
    reader_url: str
    superuser_url: str


@dataclass(frozen=True)
class OtherServer:
    """A server that METERHOUSE_TEST_SERVER_URL names, as its superuser, in the place of the embedded one."""

    superuser_url: str

    def url(self, database: str = "postgres", user: str | None = None, password: str | None = None) -> str:
        """Return the address of a database, as the superuser unless a role is named."""
        parts = urlsplit(self.superuser_url)
        login = parts.netloc if user is None else f"{user}:{password}@{parts.hostname}:{parts.port or 5432}"
        return f"postgresql://{login}/{database}"

    def ensure_database(self, name: str) -> None:
        """Create a database that belongs to the superuser."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
            connection.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(name)))


Server = EmbeddedPostgres | OtherServer


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A real server for the session, the embedded one unless another is named; it need not survive a power cut."""
    if other := os.environ.get("METERHOUSE_TEST_SERVER_URL"):
        if "METERHOUSE_TEST_KEEPS_TEMPLATE" not in os.environ:  # benchmarks/mutation.py: thousands of sessions of one version
            drop_what_a_killed_session_left(OtherServer(other))
        create_owner(OtherServer(other))
        yield OtherServer(other)
        return
    with temporary_postgres(fsync=False) as running:
        create_owner(running)
        yield running


def create_owner(server: Server) -> None:
    """Make the role that owns the warehouses: no superuser."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [OWNER]).fetchall():
            connection.execute(SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD {}").format(Identifier(OWNER), PASSWORDS[OWNER]))


def drop_what_a_killed_session_left(server: OtherServer) -> None:
    """Drop the template of an earlier session; test databases are dropped by their own tests."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(TEMPLATE)))


def pytest_report_header() -> str:
    """Say which server the tests run on."""
    return f"warehouse server: {'METERHOUSE_TEST_SERVER_URL' if os.environ.get('METERHOUSE_TEST_SERVER_URL') else 'embedded'}"


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """A migrated database that every test's warehouse is copied from."""
    if not is_there(server, TEMPLATE):
        create_database(server, TEMPLATE)
        migrate(server.url(TEMPLATE, OWNER, PASSWORDS[OWNER]))
        for role in (LOADER, READER):
            give_login(server.url(), role, PASSWORDS[role])
    return TEMPLATE


@pytest.fixture
def warehouse(server: Server, template: str) -> Iterator[Warehouse]:
    """A fresh, migrated, empty warehouse."""
    name = f"warehouse_{uuid4().hex[:12]}"
    create_database(server, name, template)
    yield warehouse_addresses(server, name)
    drop_database(server, name)


@pytest.fixture
def empty_database(server: Server) -> Iterator[Warehouse]:
    """A database that no migration has seen."""
    name = f"empty_{uuid4().hex[:12]}"
    create_database(server, name)
    yield warehouse_addresses(server, name)
    drop_database(server, name)


@pytest.fixture
def warehouse_url(warehouse: Warehouse) -> str:
    """A fresh warehouse as the loader."""
    return warehouse.loader_url


@pytest.fixture
def owner_url(warehouse: Warehouse) -> str:
    """The same warehouse as its owner."""
    return warehouse.owner_url


def warehouse_addresses(server: Server, name: str) -> Warehouse:
    """Return the addresses of a database for each role."""
    direct = Warehouse(*(server.url(name, role, PASSWORDS[role]) for role in (OWNER, LOADER, READER)), server.url(name))
    if not os.environ.get("METERHOUSE_TEST_POOLER"):
        return direct
    port = _pooler_port(server.url())
    pooled = (re.sub(r":\d+/", f":{port}/", url) for url in (direct.owner_url, direct.loader_url, direct.reader_url))
    return Warehouse(*pooled, direct.superuser_url)


@cache
def _pooler_port(superuser_url: str) -> int:
    """Start a PgBouncer before the session's server, which ends with the session."""
    opened = ExitStack()
    atexit.register(opened.close)
    folder = Path(opened.enter_context(TemporaryDirectory(prefix="meterhouse-pooler-")))
    return opened.enter_context(pooled_server(folder, superuser_url))


def create_database(server: Server, name: str, template: str = "template1") -> None:
    """Create a database that belongs to the owner; database rights are not copied from a template, so they are granted again."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(Identifier(name), Identifier(template), Identifier(OWNER)))
        if template != "template1":
            connection.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(name)))
            connection.execute(SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(Identifier(name), Identifier(LOADER)))
            connection.execute(SQL("GRANT CONNECT ON DATABASE {} TO {}").format(Identifier(name), Identifier(READER)))


def is_there(server: Server, name: str) -> bool:
    """Whether a database exists."""
    with psycopg.connect(server.url()) as connection:
        return bool(connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchall())


def drop_database(server: Server, name: str) -> None:
    """Drop a database and end all sessions that are still connected to it."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
