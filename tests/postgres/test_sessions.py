"""Sessions: nothing is taken from the settings of server, database, role or environment, and what cannot be used is refused first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from tests.conftest import LOADER, OWNER, PASSWORDS, Server, Warehouse

from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.export import export_view
from meterhouse.local.roles import give_login
from meterhouse.warehouse.database import connect
from meterhouse.warehouse.migrate import migrate
from meterhouse.warehouse.session import DASHBOARD, LOAD, MIGRATE, READ

from .fingerprints import row_counts
from .loaded_organization import LoadedOrganization
from .terminal import Terminal, reading_commands, writing_commands

POOLED = bool(os.environ.get("METERHOUSE_TEST_POOLER"))
HOSTILE = {
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "iso_8601",
    "TimeZone": "Asia/Kathmandu",
    "client_encoding": "LATIN1",
    "search_path": "shadow, pg_catalog",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "quote_all_identifiers": "on",
    "default_transaction_isolation": "serializable",
    "lock_timeout": "1ms",
    "statement_timeout": "20ms",
    "idle_in_transaction_session_timeout": "20ms",
}
# A session that waits in a pool belongs to nobody who could set it otherwise.
if not POOLED:
    HOSTILE["idle_session_timeout"] = "20ms"


@pytest.fixture
def terminal(acme: LoadedOrganization, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(acme, tmp_path / "home", monkeypatch, capsys)


def set_for_database(warehouse: Warehouse, settings: dict[str, str]) -> None:
    with psycopg.connect(warehouse.superuser_url, autocommit=True) as superuser:
        for name, value in settings.items():
            superuser.execute(
                SQL("ALTER DATABASE {} SET {} TO {}").format(
                    Identifier(superuser.info.dbname), SQL(name), SQL(", ").join(value.split(", "))
                )
                if name == "search_path"
                else SQL("ALTER DATABASE {} SET {} TO {}").format(Identifier(superuser.info.dbname), SQL(name), value)
            )


@pytest.mark.parametrize("purpose", [LOAD, READ, MIGRATE, DASHBOARD], ids=lambda purpose: purpose.application_name)
def test_every_setting_is_ours_whatever_the_database_says(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, purpose: object) -> None:
    set_for_database(warehouse, HOSTILE)
    monkeypatch.setenv("PGDATESTYLE", "German")
    monkeypatch.setenv("PGTZ", "America/New_York")
    monkeypatch.setenv("PGCLIENTENCODING", "SQL_ASCII")
    # A pooler takes no options, which is reported in a separate line.
    if not POOLED:
        monkeypatch.setenv("PGOPTIONS", "-c intervalstyle=sql_standard")
    with connect(warehouse.owner_url, purpose) as connection:
        found = {name: connection.execute(SQL("SHOW {}").format(SQL(name))).fetchone() for name in purpose.settings}
    assert found == {name: (value,) for name, value in purpose.settings.items()}


def test_a_load_its_checks_and_its_files_are_the_same_under_hostile_settings(
    small: LoadedOrganization, terminal: Terminal, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.csv"
    export_view(small.warehouse.reader_url, "costs_daily", "csv", plain)
    before = small.query("SELECT * FROM bi.costs_daily ORDER BY 1, 2, 3, 4, 5, 6")
    set_for_database(small.warehouse, HOSTILE)
    assert small.sync().summaries
    small.sync().raise_first()
    assert terminal.run(small.warehouse.loader_url, "check", "--offline")[1] == ""
    for file_format in ("csv", "json", "parquet"):
        assert export_view(small.warehouse.reader_url, "costs_daily", file_format, tmp_path / "file") == len(before)
    export_view(small.warehouse.reader_url, "costs_daily", "csv", tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == plain.read_bytes()


@pytest.mark.fault(54)
def test_every_writing_command_on_a_read_only_server_is_one_line_and_writes_nothing(
    small: LoadedOrganization, terminal: Terminal, tmp_path: Path
) -> None:
    before = row_counts(small.warehouse.superuser_url)
    small.forget_requests()
    set_for_database(small.warehouse, {"default_transaction_read_only": "on"})
    for command in writing_commands(small.today, tmp_path):
        line = terminal.refused(small.warehouse.owner_url, *command, status=1)
        assert "standby or read-only" in line, command
        assert "primary" in line
    assert row_counts(small.warehouse.superuser_url) == before
    for command in reading_commands(tmp_path):
        assert terminal.run(small.warehouse.loader_url, *command)[0] == 0, command


def test_a_loader_that_is_set_to_read_only_is_no_standby(server: Server, warehouse: Warehouse) -> None:
    with login(server, warehouse) as (name, url):
        execute(warehouse, SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(Identifier(name)))
        with pytest.raises(FixConfiguration, match="the role of WAREHOUSE_URL is set to read only"):
            connect(url)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_of_another_encoding_is_refused_by_name_before_anything_is_made(server: Server, encoding: str) -> None:
    name = f"coded_{uuid4().hex[:12]}"
    with psycopg.connect(server.url(), autocommit=True) as superuser:
        superuser.execute(
            SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LOCALE_PROVIDER libc LOCALE 'C' OWNER {}").format(
                Identifier(name), encoding, Identifier(OWNER)
            )
        )
        try:
            with pytest.raises(FixConfiguration, match=f"has the encoding {encoding}.*create one with ENCODING 'UTF8'"):
                migrate(server.url(name, OWNER, PASSWORDS[OWNER]))
            with psycopg.connect(server.url(name)) as looking:
                assert looking.execute("SELECT FROM pg_namespace WHERE nspname IN ('ops', 'bi')").fetchall() == []
        finally:
            superuser.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@contextmanager
def login(server: Server, warehouse: Warehouse, **options: int) -> Iterator[tuple[str, str]]:
    """A member of the loaders with its own login, and the warehouse's address with that login."""
    name = f"person_{uuid4().hex[:8]}"
    give_login(server.url(), name, "p-of-a-test", **options)
    try:
        execute(warehouse, SQL("GRANT {} TO {}").format(Identifier(LOADER), Identifier(name)))
        yield name, server.url(warehouse.superuser_url.rpartition("/")[2], name, "p-of-a-test")
    finally:
        execute(warehouse, SQL("DROP ROLE {}").format(Identifier(name)))


def execute(warehouse: Warehouse, statement: object) -> None:
    with psycopg.connect(warehouse.superuser_url, autocommit=True) as superuser:
        superuser.execute(statement)


def test_a_role_that_is_not_let_in_learns_why_and_is_not_tried_again(server: Server, warehouse: Warehouse) -> None:
    database = warehouse.superuser_url.rpartition("/")[2]
    with login(server, warehouse) as (name, url):
        connect(url).close()
        execute(warehouse, SQL("ALTER ROLE {} NOLOGIN").format(Identifier(name)))
        with pytest.raises(FixConfiguration, match=r"may not log in: ALTER ROLE \.\.\. LOGIN"):
            connect(url)
        execute(warehouse, SQL("ALTER ROLE {} LOGIN").format(Identifier(name)))
        with pytest.raises(FixConfiguration, match="does not take the user or the password"):
            connect(url.replace("p-of-a-test", "wrong-one"))
        with pytest.raises(FixConfiguration, match="the user or the database is not there"):
            connect(url.replace(database, "nowhere"))
        with psycopg.connect(server.url(), autocommit=True) as superuser:
            superuser.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(Identifier(database)))
            try:
                with pytest.raises(FixConfiguration, match="the database is closed"):
                    connect(url)
            finally:
                superuser.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(Identifier(database)))


def test_a_server_without_a_free_connection_is_tried_again(server: Server, warehouse: Warehouse) -> None:
    with (
        login(server, warehouse, connection_limit=1) as (_, url),
        connect(url),
        pytest.raises(TryAgainLater, match="no free connection"),
    ):
        connect(url)
