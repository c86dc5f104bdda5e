"""Backups for real: pg_dump, pg_restore into an empty database with and without owners and rights, then migrate; on another server too."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from tests.conftest import LOADER, OWNER, PASSWORDS, READER, Server, Warehouse, create_database, drop_database, warehouse_addresses

from meterhouse.command_line.cli import main
from meterhouse.errors import FixConfiguration
from meterhouse.load.directory import sync_directory
from meterhouse.local.roles import give_login
from meterhouse.warehouse.access import grant_team
from meterhouse.warehouse.harden import harden
from meterhouse.warehouse.migrate import migrate
from meterhouse.warehouse.table_statistics import gather

from .conftest import MakeOrganization, MakeWarehouse
from .doctored_vendor import THREE
from .fingerprints import row_counts
from .granted import granted
from .loaded_organization import midnight, rows
from .postgres_programs import folder_of_programs
from .restored_warehouse import (
    BARE,
    PAGE,
    START,
    Source,
    as_team,
    assert_as_the_source,
    assert_goes_on,
    checked,
    contents,
    other_server,
    restore,
    run,
)

pytestmark = pytest.mark.upgrade


@pytest.fixture(scope="module")
def source(server: Server, make_warehouse: MakeWarehouse, make_organization: MakeOrganization) -> Iterator[Source]:
    loaded = make_organization(make_warehouse())
    loaded.defaults |= {"history_start": midnight(START), "hourly_history_days": 2, "endpoints": THREE}
    loaded.sync().raise_first()
    sync_directory(loaded.settings(), clock=loaded.fake.clock.now)
    migrate(loaded.warehouse.owner_url)
    team = f"team_{uuid4().hex[:8]}"
    login = f"somebody_of_{team}"
    # The one with the most usage, so that there is something to see.
    ((project,),) = loaded.query(
        "SELECT project_id FROM bi.usage_daily WHERE project_id IS NOT NULL GROUP BY 1 ORDER BY sum(requests) DESC NULLS LAST LIMIT 1"
    )
    grant_team(loaded.warehouse.owner_url, team, [project])
    with psycopg.connect(server.url(), autocommit=True) as superuser:
        superuser.execute(SQL("CREATE ROLE {} IN ROLE {}").format(Identifier(login), Identifier(team)))
    give_login(server.url(), login, PASSWORDS[READER])
    url = loaded.warehouse.superuser_url
    yield Source(loaded, team, project, login, checked(loaded), contents(url), granted(url))
    with psycopg.connect(server.url(), autocommit=True) as superuser:
        for role in (login, team):
            superuser.execute(SQL("DROP ROLE {}").format(Identifier(role)))


@pytest.fixture(scope="module")
def programs(server: Server) -> Path:
    return folder_of_programs(server.url())


@pytest.fixture(scope="module")
def dump(programs: Path, source: Source, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Dumps the source once for each way: `dump(as_superuser, is_plain, *options)`."""
    made: dict[tuple[object, ...], Path] = {}

    def dumped(as_superuser: bool = False, is_plain: bool = False, *options: str) -> Path:
        key = (as_superuser, is_plain, *options)
        if key not in made:
            made[key] = tmp_path_factory.mktemp("dump") / "warehouse.dump"
            warehouse = source.loaded.warehouse
            url = warehouse.superuser_url if as_superuser else warehouse.owner_url
            run(programs / "pg_dump", f"--format={'plain' if is_plain else 'custom'}", *options, f"--file={made[key]}", url)
        return made[key]

    return dumped


@pytest.mark.parametrize(
    ("options", "restored_by"),
    [
        (BARE, "owner_url"),
        ((), "superuser_url"),
        (("--no-owner",), "superuser_url"),
        *(
            pytest.param(options, role, marks=pytest.mark.soak)
            for options, role in [
                ((), "owner_url"),
                (BARE, "superuser_url"),
                (("--no-owner",), "owner_url"),
                (("--no-privileges",), "owner_url"),
                (("--no-privileges",), "superuser_url"),
            ]
        ),
    ],
    ids=str,
)
def test_a_custom_dump_with_or_without_owners_and_rights_comes_right_with_one_migration(
    source: Source, programs: Path, dump: Callable[..., Path], empty_database: Warehouse, restored_by: str, options: tuple[str, ...]
) -> None:
    restore(programs, dump(True), getattr(empty_database, restored_by), *options)
    if restored_by == "superuser_url" and "--no-owner" in options:
        belongs = r"the warehouse belongs to (\w+), not to meterhouse_owner: migrate once as \1, who gives it back to meterhouse_owner"
        with pytest.raises(FixConfiguration, match=belongs):
            migrate(empty_database.owner_url)
        assert migrate(empty_database.superuser_url) == []
    else:
        assert migrate(empty_database.owner_url) == []
    assert_as_the_source(source, empty_database)
    stood = granted(empty_database.superuser_url)
    assert migrate(empty_database.owner_url) == []
    assert granted(empty_database.superuser_url) == stood
    assert_goes_on(source, empty_database)


@pytest.mark.parametrize(
    ("options", "restored_by"),
    [
        (BARE, "owner_url"),
        *(pytest.param(*case, marks=pytest.mark.soak) for case in [((), "owner_url"), ((), "superuser_url"), (BARE, "superuser_url")]),
    ],
    ids=str,
)
def test_a_plain_dump_of_the_owner_comes_right_with_one_migration(
    source: Source, programs: Path, dump: Callable[..., Path], empty_database: Warehouse, restored_by: str, options: tuple[str, ...]
) -> None:
    restore(programs, dump(False, True, *options), getattr(empty_database, restored_by), is_plain=True)
    assert migrate(empty_database.superuser_url if restored_by == "superuser_url" else empty_database.owner_url) == []
    assert_as_the_source(source, empty_database)
    assert migrate(empty_database.owner_url) == []
    assert_goes_on(source, empty_database)


def blocks() -> list[list[str]]:
    """The commands of the page's section on backups."""
    section = PAGE.read_text().partition("## Back up and restore\n")[2].partition("\n## ")[0]
    return [block.splitlines() for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)]


def test_the_commands_of_the_page_move_a_warehouse_to_another_server(
    source: Source, programs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    backup, restoring = blocks()
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])

    def shell(commands: list[str], url: str) -> str:
        environment = {"PATH": path, "METERHOUSE_MIGRATE_URL": url, "HOME": str(tmp_path)}
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", "\n".join(commands)],
            check=False,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert restoring[-1] == "meterhouse migrate"
    with other_server() as (warehouse, server_url):
        if (
            psycopg.connect(server_url).info.server_version // 10000
            < psycopg.connect(source.loaded.warehouse.owner_url).info.server_version // 10000
        ):
            pytest.skip("the other server would be an older one")
        shell(backup, source.loaded.warehouse.owner_url)
        shell(restoring[:-1], warehouse.owner_url)
        monkeypatch.setenv("METERHOUSE_MIGRATE_URL", warehouse.owner_url)
        assert main(["grant-team", source.team, "--projects", source.project]) == 2
        said = capsys.readouterr().err
        assert "the server lacks the role meterhouse_team, as after a restore on another one: run meterhouse migrate" in said
        assert "Traceback" not in said
        assert shell(restoring[-1:], warehouse.owner_url).strip() == "tables and views are up to date"
        for role in (LOADER, READER):
            give_login(server_url, role, PASSWORDS[role])
        with psycopg.connect(server_url, autocommit=True) as superuser:
            # The team is there again, and somebody may be let in as access.md says.
            superuser.execute(SQL("CREATE ROLE {} IN ROLE {}").format(Identifier(source.login), Identifier(source.team)))
        give_login(server_url, source.login, PASSWORDS[READER])
        assert as_team(source, warehouse, "SELECT DISTINCT project_id FROM bi_team.dim_project WHERE project_id IS NOT NULL") == [
            (source.project,)
        ]
        assert_as_the_source(source, warehouse)
        assert_goes_on(source, warehouse)


def test_a_whole_dump_restored_where_the_group_roles_are_missing_comes_right_with_one_migration(
    source: Source, programs: Path, dump: Callable[..., Path]
) -> None:
    with other_server() as (warehouse, server_url):
        done = subprocess.run(
            [programs / "pg_restore", f"--dbname={warehouse.superuser_url}", str(dump(True))],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert 'role "meterhouse_reader" does not exist' in done.stderr
        assert migrate(warehouse.owner_url) == []
        for role in (LOADER, READER):
            give_login(server_url, role, PASSWORDS[role])
        assert_as_the_source(source, warehouse)


def test_a_hardened_warehouse_is_dumped_and_restored_by_its_owner(
    server: Server, source: Source, programs: Path, empty_database: Warehouse, tmp_path: Path
) -> None:
    backup, restoring = blocks()
    hardened = f"hardened_{uuid4().hex[:12]}"
    create_database(server, hardened, source.loaded.warehouse.superuser_url.rpartition("/")[2])
    try:
        addresses = warehouse_addresses(server, hardened)
        harden(addresses.superuser_url)
        options = backup[0].split()[1:-1]
        run(programs / "pg_dump", *(option.replace("warehouse.dump", str(tmp_path / "dump")) for option in options), addresses.owner_url)
    finally:
        drop_database(server, hardened)
    restore(programs, tmp_path / "dump", empty_database.owner_url, *(o for o in restoring[0].split() if o.startswith("--no-")))
    assert migrate(empty_database.owner_url) == []
    assert_as_the_source(source, empty_database)


def test_an_owner_of_the_tables_who_does_not_own_the_database_says_who_must_run_what(
    server: Server, source: Source, programs: Path, dump: Callable[..., Path], empty_database: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    restore(programs, dump(True), empty_database.owner_url)
    name = empty_database.superuser_url.rpartition("/")[2]
    with psycopg.connect(empty_database.superuser_url, autocommit=True) as superuser:
        (admin,) = superuser.execute("SELECT current_user").fetchone() or ("",)
        superuser.execute(SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(Identifier(name)))
        superuser.execute(SQL("GRANT CREATE ON DATABASE {} TO {}").format(Identifier(name), Identifier(OWNER)))
    assert migrate(empty_database.owner_url) == []
    (line,) = [record.getMessage() for record in caplog.records if "must run" in record.getMessage()]
    assert line.startswith(f"this role may not change all rights of the database: {admin} or a superuser must run ")
    assert "\n" not in line
    with psycopg.connect(empty_database.superuser_url, autocommit=True) as superuser:
        for statement in line.partition("must run ")[2].split(";"):
            superuser.execute(statement.encode())
    caplog.clear()
    assert migrate(empty_database.owner_url) == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    for who in (empty_database.reader_url, empty_database.loader_url):
        assert rows(who, "SELECT 1") == [(1,)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(empty_database.reader_url, "CREATE TEMPORARY TABLE mine (a int)")


def test_a_role_of_a_teams_name_that_is_in_no_team_is_named_and_shown_nothing(
    server: Server, source: Source, programs: Path, dump: Callable[..., Path], empty_database: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    restore(programs, dump(True), empty_database.owner_url, *BARE)
    stranger = f"team_{uuid4().hex[:8]}"
    with psycopg.connect(empty_database.superuser_url, autocommit=True) as superuser:
        superuser.execute("UPDATE ops.team_access SET role_name = %s", [stranger])
        superuser.execute(SQL("CREATE ROLE {}").format(Identifier(stranger)))
        try:
            assert migrate(empty_database.owner_url) == []
            assert f"shown nothing, as they are not in meterhouse_team: {stranger}; meterhouse grant-team lets them in again" in caplog.text
            assert rows(empty_database.superuser_url, f"SELECT has_schema_privilege('{stranger}', 'bi_team', 'USAGE')") == [(False,)]
        finally:
            superuser.execute(SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(Identifier(stranger)))


def test_an_owner_who_may_not_make_roles_needs_it_only_where_roles_are_missing(empty_database: Warehouse) -> None:
    with psycopg.connect(empty_database.superuser_url, autocommit=True) as superuser:
        superuser.execute(SQL("ALTER ROLE {} NOCREATEROLE").format(Identifier(OWNER)))
        try:
            assert migrate(empty_database.owner_url)
            assert migrate(empty_database.owner_url) == []
        finally:
            superuser.execute(SQL("ALTER ROLE {} CREATEROLE").format(Identifier(OWNER)))


def test_where_roles_are_missing_and_may_not_be_made_the_statements_are_named() -> None:
    with other_server() as (warehouse, server_url):
        with psycopg.connect(server_url, autocommit=True) as superuser:
            superuser.execute(SQL("ALTER ROLE {} NOCREATEROLE").format(Identifier(OWNER)))
        with pytest.raises(FixConfiguration, match="as a superuser, run CREATE ROLE meterhouse_loader NOLOGIN; CREATE ROLE") as refused:
            migrate(warehouse.owner_url)
        made = re.findall(r"CREATE ROLE \w+ NOLOGIN;", str(refused.value))
        with psycopg.connect(server_url, autocommit=True) as superuser:
            for statement in made:
                superuser.execute(statement.encode())
        assert migrate(warehouse.owner_url)
        assert row_counts(warehouse.superuser_url) == {}
        rows(warehouse.owner_url, "INSERT INTO warehouse.dim_organization (label, vendor) VALUES ('acme', 'openai')")
        # What is in the way is named one after the other, each with the statement that takes it away.
        for wanted in ("CREATE ROLE team_x NOLOGIN;", "GRANT meterhouse_team TO meterhouse_owner WITH ADMIN OPTION;"):
            with pytest.raises(FixConfiguration, match=f"as a superuser, run {wanted}") as stopped:
                grant_team(warehouse.owner_url, "team_x", ["all"])
            assert "\n" not in str(stopped.value)
            rows(server_url, wanted)
        assert "team_x sees all projects of acme" in grant_team(warehouse.owner_url, "team_x", ["all"])[0]


def test_only_what_has_no_statistics_is_analyzed(source: Source) -> None:
    with psycopg.connect(source.loaded.warehouse.owner_url, autocommit=True) as owner:
        gather(owner, every_table=False)
        assert gather(owner, every_table=False) == []
        owner.execute("CREATE TABLE warehouse.new_month AS SELECT * FROM warehouse.costs LIMIT 5")
        try:
            assert gather(owner, every_table=False) == ["warehouse.new_month"]
        finally:
            owner.execute("DROP TABLE warehouse.new_month")
