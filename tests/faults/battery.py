"""The battery: what a role tries that it must not be able to do, judged by its effect; an error is no proof, and success none either."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from tests.conftest import LOADER, OWNER, READER, Warehouse
from tests.postgres.fingerprints import places
from tests.postgres.loaded_organization import rows
from tests.postgres.test_reader_reach import FORBIDDEN_TO_DO, FORBIDDEN_TO_READ, fingerprint
from tests.postgres.test_roles import REFUSED_ONCE_HARDENED, SECRET

COMMON = (*FORBIDDEN_TO_READ, *FORBIDDEN_TO_DO, *REFUSED_ONCE_HARDENED)
# What a loader is for, and what only a reader must not do.
_OF_A_LOADER = (
    "INSERT INTO warehouse.dim_model VALUES ('x', 'x')",
    "SELECT nextval('ops.fetch_number')",
    "SELECT warehouse.ensure_partition('costs', '2030-01-01')",
)
BY_LOADER = (
    *(statement.replace(LOADER, OWNER) for statement in COMMON if statement not in _OF_A_LOADER),
    "SELECT * FROM ops.team_access",
    "DELETE FROM ops.team_access",
    "UPDATE ops.team_access SET organization = 'other'",
    "INSERT INTO ops.team_access (role_name, organization) VALUES (current_user, 'acme')",
    "CREATE TABLE warehouse.mine (a int)",
    "CREATE TABLE ops.mine (a int)",
    "CREATE VIEW bi_team.mine AS SELECT 1 AS one",
    "ALTER TABLE warehouse.costs ADD COLUMN mine int",
    "ALTER TABLE warehouse.costs DISABLE TRIGGER ALL",
    "ALTER TABLE warehouse.costs DROP CONSTRAINT costs_pkey",
    "ALTER TABLE warehouse.costs OWNER TO CURRENT_USER",
    "ALTER TABLE warehouse.costs ENABLE ROW LEVEL SECURITY",
    "ALTER SCHEMA warehouse RENAME TO mine",
    "ALTER FUNCTION warehouse.ensure_partition SECURITY INVOKER",
    "DROP TABLE warehouse.costs",
    "DROP SCHEMA bi CASCADE",
    "DROP FUNCTION warehouse.ensure_partition",
    "DROP OWNED BY meterhouse_owner",
    "DROP ROLE meterhouse_reader",
    "DROP INDEX warehouse.costs_pkey",
    "CREATE INDEX mine ON warehouse.costs (amount)",
    "UPDATE ops.alembic_version SET version_num = '9'",
    "DELETE FROM ops.alembic_version",
    "GRANT SELECT ON warehouse.costs TO PUBLIC",
    "GRANT ALL ON SCHEMA warehouse TO PUBLIC",
    "GRANT meterhouse_owner TO CURRENT_USER",
    "REVOKE SELECT ON bi.costs_daily FROM meterhouse_reader",
    "SELECT warehouse.ensure_partition('dim_model', '2030-01-01')",
    "SELECT warehouse.ensure_partition('costs; DROP TABLE warehouse.costs', '2030-01-01')",
    "SELECT warehouse.ensure_partition('costs'' || pg_sleep(0) || ''', '2030-01-01')",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER CREATEDB",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "CREATE DATABASE mine TEMPLATE template0",
    "COMMENT ON TABLE warehouse.costs IS 'x'",
    "SECURITY LABEL ON TABLE warehouse.costs IS 'x'",
)
# Of files and of the server; of names that were taken back, and who may see what.
SCRAM, FILE = "SCRAM-SHA-256$", "root:x:"
ROLE_OF_NOBODY = "role_that_nobody_has"
PLANT = f"INSERT INTO ops.team_access (role_name, organization) VALUES ('{ROLE_OF_NOBODY}', 'acme')"
PLANT_NAME = (
    "INSERT INTO warehouse.dim_user (organization_id, user_id, user_name, user_email, valid_from, valid_to)"
    f" VALUES (1, 'user_of_old', '{SECRET}', '{SECRET}', '2025-01-01', '2025-02-01')"
)
TRACE = Path("/tmp/reader-was-here")  # noqa: S108 - where the statements would write


def by_team(login: str) -> tuple[str, ...]:
    """What somebody in a team tries: all that the reader tries, on the reader's views and on the team's."""
    ours = tuple(statement.replace("bi.", "bi_team.").replace(READER, login) for statement in COMMON)
    views = tuple(f"SELECT * FROM bi.{view}" for view in ("costs_daily", "usage_daily", "dim_user", "revisions", "checks", "coverage"))
    return tuple(dict.fromkeys((*COMMON, *ours, *views)))


def everything(warehouse: Warehouse) -> list[object]:
    """All that anybody could have changed: objects, rights, roles, passwords, settings of the server, and every row in its place."""
    url = warehouse.superuser_url
    return [
        fingerprint(url),
        places(url),
        rows(url, "SELECT rolname, rolpassword FROM pg_authid ORDER BY 1"),
        rows(url, "SELECT name, setting FROM pg_file_settings ORDER BY 1"),
        rows(url, "SELECT gid FROM pg_prepared_xacts"),
        rows(url, "SELECT slot_name FROM pg_replication_slots"),
        rows(url, "SELECT pubname FROM pg_publication"),
        TRACE.exists(),
    ]


@contextmanager
def bystanders(*urls: str) -> Iterator[list[psycopg.Connection]]:
    """Sessions of other roles, which nobody may end."""
    opened = [psycopg.connect(url, autocommit=True) for url in urls]
    try:
        yield opened
    finally:
        for one in opened:
            one.close()


def seen_or_done(warehouse: Warehouse, url: str, attempts: Sequence[str], hidden: Sequence[str], others: Sequence[str]) -> list[str]:
    """Let a role try everything, each attempt separately; return those that had a forbidden effect."""
    before = everything(warehouse)
    found = []
    connection = psycopg.connect(url, autocommit=True)
    role = connection.info.user
    with bystanders(*others) as sessions:
        for attempt in attempts:
            if connection.closed:
                connection = psycopg.connect(url, autocommit=True)
            shown = ""
            try:
                answer = connection.execute(attempt.encode())
                shown = repr(answer.fetchall()) if answer.description else ""
            except psycopg.Error as error:
                shown = str(error)
            found += [f"{attempt}: shows {word}" for word in hidden if word in shown]
            if not connection.closed and connection.execute("SELECT session_user, current_user").fetchone() != (role, role):
                found.append(f"{attempt}: is somebody else now")
                connection.close()
        connection.close()
        for session, other in zip(sessions, others, strict=True):
            try:
                session.execute("SELECT 1")
            except psycopg.Error:
                found.append(f"the session of {session.info.user or other} was ended")
    for was, now in zip(before, everything(warehouse), strict=True):
        if was != now:
            found.append(f"something is different now: {str(was)[:2000]} is {str(now)[:2000]}")
    return found
