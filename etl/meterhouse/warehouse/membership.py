"""Membership: which roles are in a group of the warehouse, and whether the owner may make roles and let them in."""

from __future__ import annotations

import re

from meterhouse.errors import FixConfiguration
from meterhouse.warehouse.database import Connection
from meterhouse.warehouse.database_errors import MIGRATE_REMEDY

ROLE_NAME_RULE = "use lower-case letters, digits and _; begin with a letter, and not with pg_ or meterhouse_"
_ROLE_NAME = re.compile(r"(?!pg_|meterhouse_)[a-z][a-z0-9_]{0,62}")
# Who asks may make roles; may make others members of the group; and whether that group and this role are there.
_MAY_GRANT = """
SELECT
    u.rolsuper OR u.rolcreaterole,
    u.rolsuper OR pg_has_role(g.oid, 'MEMBER WITH ADMIN OPTION')
    OR (u.rolcreaterole AND current_setting('server_version_num')::integer < 160000),
    g.oid IS NOT NULL,
    EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = %s)
FROM pg_catalog.pg_roles u LEFT JOIN pg_catalog.pg_roles g ON g.rolname = %s
WHERE u.rolname = current_user
"""


def is_role_name(name: str) -> bool:
    """Return whether a role may be called this: a name that needs no quotes, and none of the server's or of ours."""
    return _ROLE_NAME.fullmatch(name) is not None


def require_grantable(connection: Connection, role: str, group: str, *, attributes: str = "NOLOGIN") -> None:
    """Raise `FixConfiguration`, with the statement for a superuser, unless the current role may make `role` and let it into `group`.

    `attributes` are what the superuser would give it.
    """
    may_make_roles, may_add_members, has_group, is_there = connection.execute(_MAY_GRANT, (role, group)).fetchone() or (False,) * 4
    if not has_group:
        raise FixConfiguration(f"the server lacks the role {group}, as after a restore on another one: {MIGRATE_REMEDY}")
    if not (is_there or may_make_roles):
        raise FixConfiguration(
            f"the role of METERHOUSE_MIGRATE_URL may not make roles: as a superuser, run CREATE ROLE {role} {attributes};"
        )
    if not (may_add_members or is_member(connection, role, group)):
        raise FixConfiguration(
            f"the role of METERHOUSE_MIGRATE_URL may not let others into {group}: as a superuser, run GRANT {group} TO"
            f" {connection.info.user} WITH ADMIN OPTION;"
        )


def is_member(connection: Connection, role: str, group: str) -> bool:
    """Return whether `role` was made a member of `group`."""
    found = connection.execute(
        "SELECT FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.member"
        " WHERE r.rolname = %s AND m.roleid = %s::regrole",
        (role, group),
    )
    return found.fetchone() is not None
