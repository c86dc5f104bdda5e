"""Rights: roles, owners and grants of the warehouse, corrected at every migration, because a backup may be restored without any of them."""

from __future__ import annotations

from contextlib import suppress
from importlib import resources

import psycopg
from psycopg.sql import SQL, Identifier

from meterhouse.errors import FixConfiguration
from meterhouse.warehouse.access import restore_teams
from meterhouse.warehouse.database import Connection
from meterhouse.warehouse.schema import LOADER_ROLE, MY, MY_ROLE, READER_ROLE, TEAM_ROLE

_ROLES = (LOADER_ROLE, READER_ROLE, TEAM_ROLE, MY_ROLE)
_MISSING_ROLES = """
SELECT wanted, r.rolcreaterole OR r.rolsuper
FROM unnest(%s::text []) WITH ORDINALITY w (wanted, place), pg_catalog.pg_roles r
WHERE r.rolname = current_user AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted)
ORDER BY place
"""
_IS_SUPERUSER = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
_BEYOND = """
SELECT c.oid::regclass::text, pg_get_userbyid(c.relowner)
FROM pg_catalog.pg_class c
WHERE c.relnamespace IN ('warehouse'::regnamespace, 'ops'::regnamespace) AND c.relkind IN ('r', 'p', 'S')
AND NOT pg_has_role(c.relowner, 'USAGE') AND (SELECT rolsuper FROM pg_catalog.pg_roles r WHERE r.oid = c.relowner)
ORDER BY 1
LIMIT 3
"""
# Schema my, while it belongs to the warehouse's owner or to a superuser, as if it had just been made.
_NOT_HANDED_OVER = """
SELECT pg_get_userbyid(n.nspowner)
FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_namespace b ON b.nspname = 'bi' JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
WHERE n.nspname = %s AND obj_description(n.oid, 'pg_namespace') LIKE '%%meterhouse makes this schema%%'
AND (r.rolsuper OR n.nspowner = b.nspowner)
"""
# Statements that would have to be run by somebody else, each with who that is.
_LEFT = """
WITH here AS (SELECT datname, pg_get_userbyid(datdba) AS owner FROM pg_catalog.pg_database WHERE datname = current_database()),
granted AS (SELECT a.grantee, a.privilege_type FROM pg_catalog.pg_database d,
    aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE d.datname = current_database())
-- The role itself may have no right but PUBLIC's.
SELECT owner, format('GRANT %%s ON DATABASE %%I TO %%I', string_agg(p.privilege, ', ' ORDER BY p.privilege), datname, p.role)
FROM here, (VALUES ('CONNECT', current_user), ('CONNECT', %(loader)s), ('TEMPORARY', %(loader)s), ('CONNECT', %(reader)s),
    ('CONNECT', %(team)s)) p (privilege, role)
WHERE NOT EXISTS (SELECT FROM granted g
    WHERE g.grantee <> 0 AND g.privilege_type = p.privilege AND pg_has_role(p.role, g.grantee, 'USAGE'))
GROUP BY owner, datname, p.role
UNION ALL
SELECT owner, format('REVOKE ALL ON DATABASE %%I FROM PUBLIC', datname) FROM here WHERE EXISTS (SELECT FROM granted WHERE grantee = 0)
UNION ALL
SELECT pg_get_userbyid(nspowner), 'REVOKE ALL ON SCHEMA public FROM PUBLIC'
FROM pg_catalog.pg_namespace
WHERE nspname = 'public' AND EXISTS (SELECT FROM aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a WHERE a.grantee = 0)
UNION ALL
SELECT NULL, format('GRANT %%I TO %%I WITH ADMIN OPTION', %(team)s, current_user)
FROM pg_catalog.pg_roles
WHERE rolname = current_user AND NOT rolsuper AND NOT pg_has_role(current_user, %(team)s, 'MEMBER WITH ADMIN OPTION')
AND NOT (rolcreaterole AND current_setting('server_version_num')::integer < 160000)
"""


def make_roles(connection: Connection) -> None:
    """Make the group roles that the server lacks; raise `FixConfiguration` when some are missing that this role may not make."""
    missing = connection.execute(_MISSING_ROLES, (list(_ROLES),)).fetchall()
    makes = " ".join(f"CREATE ROLE {role} NOLOGIN;" for role, _ in missing)
    if missing and not missing[0][1]:
        raise FixConfiguration(
            f"the role may not make roles, and the server lacks some: as a superuser, run {makes} or let the role make them (CREATEROLE)"
        )
    for role, _ in missing:
        # The migration of another database may make it in the same moment.
        with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation), connection.transaction():
            connection.execute(SQL("CREATE ROLE {} NOLOGIN").format(Identifier(role)))


def hand_over(connection: Connection) -> None:
    """As a superuser, give the owner back what was restored without owners; before views are made."""
    if connection.execute(_IS_SUPERUSER).fetchone() == (True,):
        connection.execute(_file("hand_over"))


def repair(connection: Connection) -> list[str]:
    """Grant what each role may do, take from PUBLIC what it may not, restore the teams; return lines about what somebody else must do.

    Running it again changes nothing. What was granted to other roles stays.
    """
    connection.execute(_file("rights"))
    connection.execute(_file("my"))
    lines = restore_teams(connection)
    for (owner,) in connection.execute(_NOT_HANDED_OVER, (MY,)).fetchall():
        lines.append(f"schema {MY} belongs to {owner}: a superuser who runs meterhouse migrate once gives it to {MY_ROLE}")
    beyond = [f"{name} of {owner}" for name, owner in connection.execute(_BEYOND).fetchall()]
    if beyond:
        lines.append(f"some tables are not the owner's: {', '.join(beyond)}; a superuser who runs meterhouse migrate once gives them back")
    left: dict[str, list[str]] = {}
    for who, statement in connection.execute(_LEFT, {"loader": LOADER_ROLE, "reader": READER_ROLE, "team": TEAM_ROLE}).fetchall():
        left.setdefault(f"{who} or a superuser" if who else "a superuser", []).append(f"{statement};")
    return [*lines, *(f"this role may not change all rights of the database: {who} must run {' '.join(left[who])}" for who in left)]


def _file(name: str) -> bytes:
    return resources.files("meterhouse.warehouse").joinpath("sql", f"{name}.sql").read_bytes()
