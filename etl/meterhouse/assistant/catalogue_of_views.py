"""Catalogue of views: what a role may read, and what each of its columns means, as the server's own comments say it."""

from __future__ import annotations

from typing import Any, LiteralString

from meterhouse.control_characters import visible
from meterhouse.errors import FixConfiguration
from meterhouse.warehouse.database import Connection

# Of somebody's own schemas, only the one that is documented for it.
_READABLE: LiteralString = """
SELECT c.oid, n.nspname || '.' || c.relname AS name, obj_description(c.oid, 'pg_class') AS holds
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('bi', 'bi_team', 'my') AND c.relkind IN ('v', 'm', 'r', 'p') AND NOT c.relispartition
    AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
"""
_LIST: LiteralString = f"SELECT r.name, r.holds FROM ({_READABLE}) r ORDER BY r.name"  # noqa: S608  # one of our own statements
_FIND: LiteralString = (
    f"SELECT r.oid, r.name, r.holds FROM ({_READABLE}) r"  # noqa: S608  # one of our own statements
    " WHERE %(name)s IN (r.name, split_part(r.name, '.', 2)) ORDER BY r.name LIMIT 1"
)
_COLUMNS: LiteralString = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum)
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
# Who loads or owns the warehouse may do more than a question may.
_MAY_MORE: LiteralString = """
SELECT current_user, coalesce(has_schema_privilege(to_regnamespace('warehouse'), 'USAGE'), false)
    OR EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = 'meterhouse_loader' AND pg_has_role(r.oid, 'MEMBER'))
"""


def require_reader(connection: Connection) -> None:
    """Raise `FixConfiguration` for a role that may do more than read the views."""
    role, may_more = connection.execute(_MAY_MORE).fetchone() or ("", True)
    if may_more:
        raise FixConfiguration(
            f"the role {visible(role)} may do more than read: set WAREHOUSE_URL to a member of meterhouse_reader, or of a team's role"
        )


def list_views(connection: Connection) -> list[dict[str, Any]]:
    """Return the name of each view that the role may read, and what it holds."""
    return [{"view": name, "holds": holds} for name, holds in connection.execute(_LIST)]


def describe_view(connection: Connection, view: str) -> dict[str, Any]:
    """Return what a view holds, and its columns with type and meaning; `view` is its name with schema or without.

    Raises `FixConfiguration` when the role may read no view of this name.
    """
    found = connection.execute(_FIND, {"name": view}).fetchone() if "\0" not in view else None
    if found is None:
        raise FixConfiguration(f"there is no view {visible(view[:100])!r} for this role: list_views names those that exist")
    relation, name, holds = found
    columns = connection.execute(_COLUMNS, (relation,)).fetchall()
    return {
        "view": name,
        "holds": holds,
        "columns": [{"name": column, "type": type_, "meaning": meaning} for column, type_, meaning in columns],
    }
