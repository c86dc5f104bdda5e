"""Logins of people and BI tools: `meterhouse create-reader`, with passwords from the environment, from a terminal, or generated."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from tests.conftest import LOADER, OWNER, READER, Server, Warehouse

from meterhouse.command_line.cli import main
from meterhouse.load.store import Store
from meterhouse.warehouse.session import PLANNING

from .loaded_organization import rows
from .restored_warehouse import other_server

CHOSEN = "of your choice/ä:@"
Command = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture
def name(server: Server) -> Iterator[str]:
    """A name for a login, which is dropped behind the test."""
    made = f"analyst_{uuid4().hex[:8]}"
    yield made
    with psycopg.connect(server.url(), autocommit=True) as superuser:
        superuser.execute(SQL("DROP ROLE IF EXISTS {}").format(Identifier(made)))


@pytest.fixture
def command(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `create-reader`: exit status, lines of the answer, lines of remarks."""
    monkeypatch.setenv("METERHOUSE_HOME", str(tmp_path))
    monkeypatch.setenv("METERHOUSE_MIGRATE_URL", warehouse.owner_url)
    monkeypatch.delenv("METERHOUSE_READER_PASSWORD", raising=False)

    def run(*arguments: str, password: str | None = None) -> tuple[int, list[str], list[str]]:
        with monkeypatch.context() as patch:
            if password is not None:
                patch.setenv("METERHOUSE_READER_PASSWORD", password)
            status = main(["create-reader", *arguments])
        said = capsys.readouterr()
        return status, said.out.splitlines(), said.err.splitlines()

    return run


def as_reader(warehouse: Warehouse, name: str, password: str) -> psycopg.Connection:
    parts = psycopg.conninfo.conninfo_to_dict(warehouse.superuser_url)
    return psycopg.connect(**{**parts, "user": name, "password": password}, autocommit=True)


def test_a_generated_password_is_shown_once_and_opens_bi_and_nothing_else(warehouse: Warehouse, command: Command, name: str) -> None:
    status, (done, shown), remarks = command(name)
    assert (status, remarks) == (0, [])
    parts = psycopg.conninfo.conninfo_to_dict(warehouse.superuser_url)
    assert done == f"{name} reads schema bi, at {parts['host']}:{parts['port']}, database {parts['dbname']}"
    said, _, password = shown.rpartition(": ")
    assert said == "its password, which is shown only now"
    assert len(password) >= 24
    with as_reader(warehouse, name, password) as reader:
        # Without a schema: the login's own setting finds it.
        assert reader.execute("SELECT count(*) FROM costs_daily").fetchone() == (0,)
        settings = [reader.execute(f"SHOW {one}".encode()).fetchone() for one in ("timezone", "statement_timeout", "search_path")]
        assert settings == [("UTC",), ("2min",), ("bi",)]
        assert {one: reader.execute(f"SHOW {one}".encode()).fetchone() for one in PLANNING} == {one: (PLANNING[one],) for one in PLANNING}
        for statement, refused in (
            ("SELECT FROM warehouse.costs", psycopg.errors.InsufficientPrivilege),
            ("SELECT FROM bi_team.costs_daily", psycopg.errors.InsufficientPrivilege),
            ("CREATE TABLE bi.mine (a int)", psycopg.errors.ReadOnlySqlTransaction),
            ("SET TRANSACTION READ WRITE; CREATE TABLE bi.mine (a int)", psycopg.errors.InsufficientPrivilege),
            ("CREATE ROLE mine", psycopg.errors.ReadOnlySqlTransaction),
        ):
            with pytest.raises(refused):
                reader.execute(statement.encode())


def test_a_second_time_it_changes_nothing_unless_a_password_is_given(warehouse: Warehouse, command: Command, name: str) -> None:
    first = command(name)[1][1].rpartition(": ")[2]
    rows(warehouse.owner_url, f"ALTER ROLE {name} SET statement_timeout = '5s'")
    status, lines, _ = command(name)
    assert (status, lines) == (0, [f"{name} is a reader already, and keeps its password; METERHOUSE_READER_PASSWORD sets another"])
    with as_reader(warehouse, name, first) as reader:
        assert reader.execute("SHOW statement_timeout").fetchone() == ("5s",)
    assert command(name, password=CHOSEN)[1] == [f"{name} is a reader already, and has the new password now"]
    with as_reader(warehouse, name, CHOSEN) as reader:
        assert reader.execute("SHOW statement_timeout").fetchone() == ("5s",)
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        as_reader(warehouse, name, first)


def test_a_chosen_password_is_not_shown_and_the_server_is_sent_only_a_verifier(server: Server, command: Command, name: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as superuser:
        superuser.execute("ALTER SYSTEM SET log_statement = 'all'")
        superuser.execute("SELECT pg_reload_conf()")
        try:
            status, lines, _ = command(name, password=CHOSEN)
        finally:
            superuser.execute("ALTER SYSTEM RESET log_statement")
            superuser.execute("SELECT pg_reload_conf()")
        (kept,) = superuser.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [name]).fetchone() or ("",)
    assert status == 0
    assert CHOSEN not in "\n".join(lines)
    assert kept.startswith("SCRAM-SHA-256$")


def typed(environment: dict[str, str], name: str, answers: list[str]) -> str:
    """Run the command on a terminal of its own and type the answers; return all that the terminal showed."""
    main_end, other_end = pty.openpty()
    command = [sys.executable, "-m", "meterhouse", "create-reader", name]
    with subprocess.Popen(
        command, stdin=other_end, stdout=other_end, stderr=other_end, env=environment, start_new_session=True, close_fds=True
    ) as process:
        os.close(other_end)
        shown, deadline = "", time.monotonic() + 30
        while time.monotonic() < deadline:
            if select.select([main_end], [], [], 0.2)[0]:
                try:
                    shown += os.read(main_end, 4096).decode()
                except OSError:
                    break
                if answers and shown.endswith(": "):
                    os.write(main_end, f"{answers.pop(0)}\n".encode())
        if process.poll() is None and time.monotonic() >= deadline:
            process.kill()
        process.wait(timeout=30)
    os.close(main_end)
    return shown


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [
        (["typed by hand", "typed by hand"], "reads schema bi"),
        ([""], "its password, which is shown only now"),
        (["typed by hand", "typed by mistake"], "the two passwords are not the same"),
        (["short"], "the password must have at least 8 characters"),
    ],
    ids=lambda one: one[0] if isinstance(one, list) else "",
)
def test_on_a_terminal_the_password_is_asked_for_and_not_shown(
    warehouse: Warehouse, tmp_path: Path, name: str, answers: list[str], wanted: str
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "METERHOUSE_HOME": str(tmp_path),
        "METERHOUSE_MIGRATE_URL": warehouse.owner_url,
    }
    shown = typed(environment, name, answers.copy())
    assert wanted in shown, shown
    assert f"Password for {name}" in shown
    assert "typed" not in shown
    if len(answers) == 2 and len(set(answers)) == 1:
        with as_reader(warehouse, name, answers[0]) as reader:
            assert reader.execute("SELECT current_user").fetchone() == (name,)


@pytest.mark.parametrize("wrong", ["Analyst", "meterhouse_x", "pg_x", "1st", "an alyst", 'a"b', ""])
def test_a_name_that_would_need_quotes_or_is_the_servers_or_ours_is_refused(command: Command, wrong: str) -> None:
    status, out, (line,) = command(wrong, password=CHOSEN)
    assert (status, out) == (2, [])
    assert line.startswith(f"meterhouse: {wrong!r} cannot be a reader's name: use lower-case letters")


@pytest.mark.parametrize("wrong", ["short", "with\na line", "of a terminal\x1b"])
def test_a_password_that_cannot_be_used_is_refused_and_not_repeated(command: Command, name: str, wrong: str) -> None:
    status, _, (line,) = command(name, password=wrong)
    assert status == 2
    assert line == "meterhouse: METERHOUSE_READER_PASSWORD must have at least 8 characters, all of them printable"


def test_a_role_that_is_something_else_is_left_as_it_is(server: Server, warehouse: Warehouse, command: Command, name: str) -> None:
    role = Identifier(name)

    def refused(statement: str) -> str:
        with psycopg.connect(server.url(), autocommit=True) as superuser:
            superuser.execute(SQL(statement).format(role))
            before = superuser.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [name]).fetchone()
            status, out, (line,) = command(name, password=CHOSEN)
            assert (status, out) == (2, [])
            assert superuser.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [name]).fetchone() == before
            superuser.execute(SQL("DROP ROLE {}").format(role))
        return line

    assert f"there is a role {name} that is not a login of {READER}" in refused("CREATE ROLE {} LOGIN")
    assert f"there is a role {name} that is not a login of {READER}" in refused(f"CREATE ROLE {{}} NOLOGIN IN ROLE {READER}")
    assert f"{name} is a role that may do more than read" in refused("CREATE ROLE {} LOGIN SUPERUSER")
    assert f"{name} is a role that may do more than read" in refused(f"CREATE ROLE {{}} LOGIN IN ROLE {READER}, {LOADER}")
    assert f"{name} is a role that may do more than read" in refused(f"CREATE ROLE {{}} LOGIN IN ROLE {OWNER}")


def test_the_line_for_somebody_who_is_not_the_owner_says_whose_address_to_give(
    warehouse: Warehouse, command: Command, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METERHOUSE_MIGRATE_URL", warehouse.loader_url)
    status, out, (line,) = command(name, password=CHOSEN)
    assert (status, out) == (2, [])
    assert "name the warehouse's owner in METERHOUSE_MIGRATE_URL" in line


def test_before_a_migration_and_where_the_owner_may_not_make_roles_the_line_says_what_to_do(
    empty_database: Warehouse, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METERHOUSE_MIGRATE_URL", empty_database.owner_url)
    status, _, (line,) = command("analyst", password=CHOSEN)
    assert status == 2
    assert line.endswith("run meterhouse migrate")
    with other_server() as (warehouse, server_url):
        monkeypatch.setenv("METERHOUSE_MIGRATE_URL", warehouse.owner_url)
        assert main(["migrate"]) == 0
        with psycopg.connect(server_url, autocommit=True) as superuser:
            superuser.execute(SQL("ALTER ROLE {} NOCREATEROLE").format(Identifier(OWNER)))
            assert "as a superuser, run CREATE ROLE analyst LOGIN PASSWORD '...' IN ROLE meterhouse_reader;" in command("analyst")[2][-1]
            superuser.execute(SQL("ALTER ROLE {} CREATEROLE").format(Identifier(OWNER)))
        assert command("analyst")[0] == 0


def test_a_reader_is_no_loader(warehouse: Warehouse, command: Command, name: str) -> None:
    command(name, password=CHOSEN)
    parts = psycopg.conninfo.conninfo_to_dict(warehouse.superuser_url)
    with (
        pytest.raises(Exception, match="grant it meterhouse_loader"),
        Store(f"postgresql://{name}:of%20your%20choice%2F%C3%A4%3A%40@{parts['host']}:{parts['port']}/{parts['dbname']}") as store,
    ):
        store.organization_id("acme")
