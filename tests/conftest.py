"""Fixtures of every test that needs a database: one embedded PostgreSQL a session, one fresh warehouse a test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from meterhouse.local.postgres import EmbeddedPostgres, temporary_postgres
from meterhouse.local.roles import give_login
from meterhouse.migrate import migrate

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


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedPostgres]:
    """A real server for the session; it need not survive a power cut."""
    with temporary_postgres(fsync=False) as running:
        with psycopg.connect(running.url(), autocommit=True) as connection:
            connection.execute(SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD {}").format(Identifier(OWNER), PASSWORDS[OWNER]))
        yield running


@pytest.fixture(scope="session")
def template(server: EmbeddedPostgres) -> str:
    """A migrated database that every test's warehouse is copied from."""
    create_database(server, TEMPLATE)
    migrate(server.url(TEMPLATE, OWNER, PASSWORDS[OWNER]))
    for role in (LOADER, READER):
        give_login(server.url(), role, PASSWORDS[role])
    return TEMPLATE


@pytest.fixture
def warehouse(server: EmbeddedPostgres, template: str) -> Iterator[Warehouse]:
    """A fresh, migrated, empty warehouse."""
    name = f"warehouse_{uuid4().hex[:12]}"
    create_database(server, name, template)
    yield warehouse_addresses(server, name)
    drop_database(server, name)


@pytest.fixture
def empty_database(server: EmbeddedPostgres) -> Iterator[Warehouse]:
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


def warehouse_addresses(server: EmbeddedPostgres, name: str) -> Warehouse:
    """Return the addresses of a database for each role."""
    return Warehouse(*(server.url(name, role, PASSWORDS[role]) for role in (OWNER, LOADER, READER)), server.url(name))


def create_database(server: EmbeddedPostgres, name: str, template: str = "template1") -> None:
    """Create a database that belongs to the owner; database rights are not copied from a template, so they are granted anew."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(Identifier(name), Identifier(template), Identifier(OWNER)))
        if template != "template1":
            connection.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(name)))
            connection.execute(SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(Identifier(name), Identifier(LOADER)))
            connection.execute(SQL("GRANT CONNECT ON DATABASE {} TO {}").format(Identifier(name), Identifier(READER)))


def drop_database(server: EmbeddedPostgres, name: str) -> None:
    """Drop a database and end whoever is still connected to it."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
