"""A warehouse that was dumped, the one it is restored into, and how both must agree."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from tests.conftest import OWNER, PASSWORDS, READER, Warehouse, warehouse_addresses

from meterhouse.checks.warehouse_checks import run_warehouse_checks
from meterhouse.local.postgres import temporary_postgres
from meterhouse.warehouse.access import grant_team
from meterhouse.warehouse.view_reach import VIEW_NAMES

from .comparison import assert_equals_source
from .doctored_vendor import THREE
from .fingerprints import TABLES
from .granted import granted
from .loaded_organization import NOW, LoadedOrganization, rows

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
START = NOW.date() - timedelta(days=40)
END = NOW.date() + timedelta(days=1)
BARE = ("--no-owner", "--no-privileges")
Restore = Callable[..., Warehouse]


@dataclass(frozen=True)
class Source:
    """A loaded warehouse, its organization, a team with a login, and what of them a restored one must equal."""

    loaded: LoadedOrganization
    team: str
    project: str
    login: str
    checked: dict[str, int]
    contents: dict[str, str]
    granted: set[tuple[object, ...]]

    def restored(self, warehouse: Warehouse) -> LoadedOrganization:
        """The same organization, loading into `warehouse`."""
        again = LoadedOrganization(self.loaded.fake, self.loaded.server, warehouse)
        again.defaults |= self.loaded.defaults
        return again


def contents(url: str) -> dict[str, str]:
    """A digest of each table's rows."""
    query = "SELECT count(*) || ' rows ' || coalesce(md5(string_agg(t::text, E'\n' ORDER BY t::text)), '') FROM {} t"
    return {name: rows(url, query.format(name))[0][0] for name in TABLES}


def checked(loaded: LoadedOrganization) -> dict[str, int]:
    """How many findings each check has."""
    return {result.check.name: result.findings for result in run_warehouse_checks(loaded.settings(), clock=loaded.fake.clock.now)}


def run(program: Path, *arguments: str) -> None:
    done = subprocess.run([program, *arguments], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]


def restore(programs: Path, file: Path, url: str, *options: str, is_plain: bool = False) -> None:
    if is_plain:
        run(programs / "psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--file={file}", url)
    else:
        run(programs / "pg_restore", "--exit-on-error", *options, f"--dbname={url}", str(file))


def without_statistics(url: str) -> list[tuple[object, ...]]:
    """Tables with rows of which the planner knows nothing."""
    return rows(
        url,
        "SELECT c.oid::regclass::text FROM pg_class c WHERE relnamespace::regnamespace::text IN ('warehouse', 'ops')"
        " AND NOT EXISTS (SELECT FROM pg_statistic s WHERE s.starelid = c.oid)"
        " AND (relkind = 'r' AND pg_relation_size(c.oid) > 0 OR relkind = 'p'"
        " AND (SELECT sum(pg_relation_size(t.relid)) FROM pg_partition_tree(c.oid) t) > 0)",
    )


def assert_as_the_source(source: Source, warehouse: Warehouse) -> None:
    """Rows, owners, rights and statistics are the source's; the reader and the team see what they saw; loads go on."""
    assert contents(warehouse.superuser_url) == source.contents
    assert granted(warehouse.superuser_url) == source.granted
    assert without_statistics(warehouse.superuser_url) == []
    before = source.loaded.warehouse
    for view in VIEW_NAMES:
        count = f"SELECT count(*) FROM bi.{view}"
        assert rows(warehouse.reader_url, count) == rows(before.reader_url, count), view
    for refused in ("SELECT FROM warehouse.costs", "SELECT FROM ops.run_log", "CREATE TEMPORARY TABLE mine (a int)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(warehouse.reader_url, refused)


def as_team(source: Source, warehouse: Warehouse, query: str) -> list[tuple[object, ...]]:
    url = warehouse.superuser_url
    return rows(f"postgresql://{source.login}:{PASSWORDS[READER]}@{url.rpartition('@')[2]}", query)


def assert_goes_on(source: Source, warehouse: Warehouse) -> None:
    """A team is granted again and sees only its project, a sync finds nothing missing, and the checks are as they were."""
    said = grant_team(warehouse.owner_url, source.team, [source.project])
    assert source.project in said[0]
    for view in ("usage_daily", "costs_daily", "dim_project"):
        seen = as_team(source, warehouse, f"SELECT DISTINCT project_id FROM bi_team.{view} WHERE project_id IS NOT NULL")
        assert seen == [(source.project,)], view
    again = source.restored(warehouse)
    again.sync().raise_first()
    assert_equals_source(again, START, END, THREE)
    assert checked(again) == source.checked


@contextmanager
def other_server() -> Iterator[tuple[Warehouse, str]]:
    """A server that never saw a role of ours but the owner, with an empty database of it."""
    with temporary_postgres() as other:
        with psycopg.connect(other.url(), autocommit=True) as superuser:
            superuser.execute(SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD {}").format(Identifier(OWNER), PASSWORDS[OWNER]))
            superuser.execute(SQL("CREATE DATABASE restored OWNER {}").format(Identifier(OWNER)))
        yield warehouse_addresses(other, "restored"), other.url()
