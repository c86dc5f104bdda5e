"""Ownership: objects with our names in the warehouse's schemas that belong to somebody else, so that they are never replaced.

The list of our own views is kept where every backup has it: in the comment of `ops.alembic_version`. Older versions kept no list, but gave
each view, and each column of a public one, a comment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from meterhouse.errors import FixConfiguration
from meterhouse.warehouse.schema import BI, OPS, TEAM, WAREHOUSE
from meterhouse.warehouse.tables import TABLES
from meterhouse.warehouse.view_words import literal

_SCHEMAS = (WAREHOUSE, OPS, BI, TEAM)
_VERSION_TABLE = "alembic_version"
# Every version has it.
_SURE_TABLE = f"{WAREHOUSE}.dim_organization"
_RECORD = "Views that meterhouse made: "
_SHOWN = 3
_KINDS = {
    "r": "table", "p": "table", "f": "foreign table", "v": "view", "m": "materialized view", "S": "sequence", "i": "index", "I": "index",
    "function": "function",
}  # fmt: skip

# Relations, types without a relation, and functions of our schemas that belong to no extension. A view is recognized by its comments.
_STANDING = """
SELECT o.schema_name, o.name, o.kind, quote_ident(pg_get_userbyid(o.owner)), o.is_commented,
       o.owner = current_user::regrole OR o.owner IN (SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = ANY(%(schemas)s)),
       pg_has_role(o.owner, 'USAGE')
FROM (
    SELECT n.nspname, c.relname, c.relkind::text, c.relowner, c.oid, 'pg_class'::regclass,
           obj_description(c.oid, 'pg_class') IS NOT NULL AND (c.relkind <> 'v' OR n.nspname = 'warehouse' OR NOT EXISTS (
               SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               AND col_description(c.oid, a.attnum) IS NULL))
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind NOT IN ('t', 'i', 'I') OR n.nspname IN ('bi', 'bi_team')
    UNION ALL SELECT n.nspname, t.typname, 'type', t.typowner, t.oid, 'pg_type'::regclass, false
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typrelid = 0 AND t.typelem = 0 AND t.typtype <> 'm'
    UNION ALL SELECT n.nspname, p.proname, 'function', p.proowner, p.oid, 'pg_proc'::regclass, false
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
) AS o (schema_name, name, kind, owner, oid, class, is_commented)
WHERE o.schema_name = ANY(%(schemas)s) AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
ORDER BY 1, 2, 3
"""
_CAN_READ_VERSION = """
SELECT has_table_privilege(attrelid, 'SELECT') FROM pg_catalog.pg_attribute
WHERE attrelid = 'ops.alembic_version'::regclass AND attname = 'version_num'
"""
_READ_VERSION = "SELECT version_num FROM ops.alembic_version"
# Whether a superuser who owns a restored warehouse would give it to the current role: see sql/hand_over.sql.
_WHOSE = """
SELECT quote_ident(u.rolname), r.rolsuper AND d.datdba = u.oid AND u.rolcreaterole
FROM pg_catalog.pg_database d, pg_catalog.pg_roles r, pg_catalog.pg_roles u
WHERE d.datname = current_database() AND quote_ident(r.rolname) = %(owner)s AND u.rolname = current_user
"""
_CLOSED = """
SELECT nspname, quote_ident(pg_get_userbyid(nspowner)) FROM pg_catalog.pg_namespace
WHERE nspname = ANY(%(schemas)s) AND NOT has_schema_privilege(oid, 'CREATE') ORDER BY 1
"""


@dataclass(frozen=True)
class _Standing:
    """An object in one of our schemas. `is_commented` as our views are; `is_owners`: owned by the migrating role or an owner of ours.

    `is_in_reach`: the migrating role may change it.
    """

    schema: str
    name: str
    kind: str
    owner: str
    is_commented: bool
    is_owners: bool
    is_in_reach: bool

    @property
    def qualified(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def in_words(self) -> str:
        return f"{_KINDS.get(self.kind, 'type')} {self.qualified} of {self.owner}"


def require_ours(connection: sa.Connection, wanted: Collection[str], newest: str | None) -> None:
    """Raise `FixConfiguration`, which names them with their owners, when objects of others stand where ours belong; changes nothing.

    `wanted` are the names of our views with their schemas, `newest` is the migration of this version. In a database that no migration of
    ours has seen, schemas `warehouse` and `ops` have to be empty: rights on all that they hold are given away.
    """
    standing = [_Standing(*row) for row in connection.exec_driver_sql(_STANDING, {"schemas": list(_SCHEMAS)})]
    _require_reach(connection, standing)
    version = _version(connection, standing)
    if version is None:
        others = [one for one in standing if one.qualified in wanted or (one.schema in {WAREHOUSE, OPS} and one.name != _VERSION_TABLE)]
        _refuse([one for one in others if one.kind != "function" or one.schema in {WAREHOUSE, OPS}])
        _require_open(connection)
        return
    recorded = _recorded(connection)
    # A backup may be restored without any comment; then the owner has to do.
    is_stripped = any(one.qualified == _SURE_TABLE and not one.is_commented for one in standing)

    def is_ours(one: _Standing) -> bool:
        made = one.is_commented if recorded is None else one.qualified in recorded
        return one.kind == "v" and one.is_owners and (made or (recorded is None and is_stripped))

    foreign = [one for one in standing if one.qualified in wanted and one.kind != "function" and not is_ours(one)]
    if version != newest and not is_stripped:
        # What a later migration adds may be there already, as somebody else's.
        foreign += [one for one in standing if one.qualified in TABLES.tables and not (one.kind in {"r", "p"} and one.is_commented)]
    _refuse(foreign)


def record(connection: sa.Connection, names: Iterable[str]) -> None:
    """Write down which views are ours; none forgets them, and the next run that makes views records its own."""
    text = " ".join(names)
    comment = literal(_RECORD + text) if text else "NULL"
    connection.exec_driver_sql(f"COMMENT ON TABLE {OPS}.{_VERSION_TABLE} IS {comment}")


def _recorded(connection: sa.Connection) -> set[str] | None:
    text = connection.exec_driver_sql(f"SELECT obj_description('{OPS}.{_VERSION_TABLE}'::regclass, 'pg_class')").scalar()
    return set(text.removeprefix(_RECORD).split()) if text and text.startswith(_RECORD) else None


def _version(connection: sa.Connection, standing: list[_Standing]) -> str | None:
    """The migration that the database is at, None for one that no migration of ours has seen."""
    kept = {one.qualified: one for one in standing if one.kind != "function"}
    table = kept.get(f"{OPS}.{_VERSION_TABLE}")
    if table is None:
        return None
    is_readable = bool(connection.exec_driver_sql(_CAN_READ_VERSION).scalar())
    versions = [str(row[0]) for row in connection.exec_driver_sql(_READ_VERSION)] if is_readable else []
    if table.kind != "r" or not is_readable or (versions and _SURE_TABLE not in kept):
        said = f" says {versions[0]} and" if versions else ""
        raise FixConfiguration(
            f"{table.in_words}{said} is not that of a meterhouse warehouse, whose tables are not there: give meterhouse a database of its"
            " own, or drop that table if nobody needs it; nothing was changed"
        )
    return versions[0] if versions else None


def _require_reach(connection: sa.Connection, standing: list[_Standing]) -> None:
    """A warehouse that belongs to somebody else cannot be migrated, nor one that a superuser restored without owners."""
    sure = [one for one in standing if one.qualified in {_SURE_TABLE, f"{OPS}.{_VERSION_TABLE}"} and one.kind == "r"]
    beyond = [one for one in sure if not one.is_in_reach]
    if len(sure) == 1 or not beyond:
        return
    owner = beyond[0].owner
    role, gives_back = connection.exec_driver_sql(_WHOSE, {"owner": owner}).one()
    then = f"migrate once as {owner}, who gives it back to {role}" if gives_back else f"migrate as {owner}"
    raise FixConfiguration(f"the warehouse belongs to {owner}, not to {role}: {then}; nothing was changed")


def _require_open(connection: sa.Connection) -> None:
    closed = [f"{name} of {owner}" for name, owner in connection.exec_driver_sql(_CLOSED, {"schemas": list(_SCHEMAS)})]
    if closed:
        raise FixConfiguration(
            f"the role may make nothing in schema {', '.join(closed)}: migrate as its owner, or give meterhouse a database of its own"
        )


def _refuse(foreign: list[_Standing]) -> None:
    if not foreign:
        return
    more = len(foreign) - _SHOWN
    named = ", ".join(one.in_words for one in foreign[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    has, was, it = ("has a name", "was", "it") if len(foreign) == 1 else ("have names", "were", "them")
    raise FixConfiguration(
        f"{named} {has} that meterhouse needs, and {was} not made by it: rename {it}, or move {it} to another schema, or give"
        " meterhouse a database of its own; nothing was changed"
    )
