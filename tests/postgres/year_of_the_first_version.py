"""A year of rows that the first version loaded: what of it an upgrade keeps, and migrators that run beside the test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from tests.bi.public_columns import released
from tests.conftest import Server, Warehouse

from meterhouse.catalogue.endpoints import COPIES_OF_COSTS, ENDPOINTS
from meterhouse.fake_openai import FakeOrganization
from meterhouse.load.directory import sync_directory
from meterhouse.warehouse.migrate import migrate, owner_engine, script_location
from meterhouse.warehouse.views import View, rebuild_views, views

from .fingerprints import OF_NOBODY, TABLES
from .loaded_organization import NOW, LoadedOrganization, fresh_warehouse, rows, served
from .revisions import FIRST_REVISION, LATER

FIRST = (NOW - timedelta(days=365)).date()
END = NOW.date() + timedelta(days=1)
FIRST_VIEWS = {("warehouse", "usage_facts"), ("warehouse", "usage_named"), *(("bi", name) for name in released()[1])}
FIRST_VERSION = Path(__file__).parent / "first_version"
# Tables that came later, and those that the upgrade gives a column, so that their rows read otherwise.
FIRST_TABLES = set(re.findall(r'create_table\(\s*"(\w+)"', next((script_location() / "versions").glob("0001_*.py")).read_text()))
OLD = tuple(name for name in TABLES if name.partition(".")[2] in FIRST_TABLES)
NEW = {
    *(name for name in (*TABLES, *OF_NOBODY) if name.partition(".")[2] not in FIRST_TABLES),
    "warehouse.partition_of(text,date)",
    "warehouse.empty_partition(text,date,timestamp with time zone,timestamp with time zone)",
    "warehouse.compact_partition(text,date)",
}
# The other copy of the costs is not there before this version loads it.
SINCE_THE_FIRST = [name for name, endpoint in ENDPOINTS.items() if endpoint not in COPIES_OF_COSTS]
NEW_SEQUENCES = tuple(f"{name}_" for name in NEW)
REWRITTEN = {"warehouse.dim_organization", "warehouse.dim_model", "warehouse.dim_line_item", "ops.load_log", "ops.run_log", "ops.coverage"}
KEPT = tuple(name for name in OLD if name not in REWRITTEN)
ORGANIZATIONS = "SELECT organization_id, label, vendor, created_at, ctid::text, xmin::text FROM warehouse.dim_organization ORDER BY 1"
RUNS = "SELECT run_id, command, parameters, status, started_at, finished_at, error, ctid::text, xmin::text FROM ops.run_log ORDER BY 1"
LOADS = "SELECT load_id, run_id, window_start, rows_inserted, loaded_at, ctid::text, xmin::text FROM ops.load_log ORDER BY 1"
RIGHTS = """
SELECT 'relation', c.oid::regclass::text, a.grantor::regrole::text, a.grantee::regrole::text, a.privilege_type, c.relowner::regrole::text
FROM pg_class c CROSS JOIN aclexplode(c.relacl) a WHERE c.relnamespace::regnamespace::text IN ('warehouse', 'ops', 'bi')
UNION ALL SELECT 'column', t.attrelid::regclass::text, t.attname, t.attacl::text, '', '' FROM pg_attribute t WHERE t.attacl IS NOT NULL
    AND t.attrelid >= 16384
UNION ALL SELECT 'schema', nspname, nspacl::text, nspowner::regrole::text, '', '' FROM pg_namespace WHERE nspname !~ '^pg_'
UNION ALL SELECT 'default', defaclnamespace::regnamespace::text, defaclobjtype::text, defaclacl::text, '', '' FROM pg_default_acl
UNION ALL SELECT 'function', p.oid::regprocedure::text, p.proacl::text, p.proowner::regrole::text, '', '' FROM pg_proc p
    WHERE p.pronamespace::regnamespace::text IN ('warehouse', 'ops', 'bi')
"""


def as_first(view: View) -> View:
    """A view as the first version defined it."""
    return replace(view, query=(FIRST_VERSION / f"{view.name}.sql").read_text())


def invented() -> FakeOrganization:
    return FakeOrganization(NOW, scale=0.1)


@pytest.fixture(scope="module")
def year(server: Server, template: str) -> Iterator[str]:
    """The name of a database as the first version left it: a year of rows, names and views, at migration 0001."""
    name = f"year_{uuid4().hex[:12]}"
    with fresh_warehouse(server, template, name) as warehouse, served(invented(), warehouse) as loaded:
        loaded.sync().raise_first()
        sync_directory(loaded.settings(), clock=loaded.fake.clock.now)
        assert migrate(warehouse.owner_url, FIRST_REVISION) == list(reversed(LATER))
        with owner_engine(warehouse.owner_url).begin() as owner:
            rebuild_views(owner, [as_first(view) for view in views() if (view.schema, view.name) in FIRST_VIEWS])
        yield name


@pytest.fixture
def old(server: Server, year: str) -> Iterator[LoadedOrganization]:
    """A copy of that warehouse, and the organization that it holds."""
    with fresh_warehouse(server, year, f"old_{uuid4().hex[:12]}") as warehouse, served(invented(), warehouse) as loaded:
        yield loaded


def version(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return rows(warehouse.superuser_url, "SELECT version_num FROM ops.alembic_version")


def rights(warehouse: Warehouse) -> set[tuple[Any, ...]]:
    return set(rows(warehouse.superuser_url, RIGHTS))


def waiting(warehouse: Warehouse) -> set[int]:
    """Sessions of this database that wait for a lock."""
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return {pid for (pid,) in rows(warehouse.superuser_url, query)}


def until(what: Callable[[], bool], message: str) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline, message
        time.sleep(0.01)


@contextmanager
def holding_the_version(warehouse: Warehouse) -> Iterator[psycopg.Connection[Any]]:
    """A session that lets the migrator change its tables and stops it where it writes down the new version."""
    with psycopg.connect(warehouse.superuser_url) as holder:
        holder.execute("SELECT FROM ops.alembic_version FOR UPDATE")
        yield holder


@contextmanager
def migrating(warehouse: Warehouse, home: Path) -> Iterator[subprocess.Popen[str]]:
    """`meterhouse migrate` as a separate process."""
    environment = {**os.environ, "METERHOUSE_MIGRATE_URL": warehouse.owner_url, "METERHOUSE_HOME": str(home)}
    command = [sys.executable, "-m", "meterhouse", "migrate"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
