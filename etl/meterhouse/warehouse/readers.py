"""Readers: logins of people and BI tools that read all of schema bi, made with the settings that their sessions need."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.sql import SQL, Identifier, Literal

from meterhouse.errors import FixConfiguration
from meterhouse.warehouse.access import as_owner
from meterhouse.warehouse.database import Connection
from meterhouse.warehouse.membership import ROLE_NAME_RULE, is_role_name, require_grantable
from meterhouse.warehouse.passwords import generated, verifier
from meterhouse.warehouse.schema import BI, LOADER_ROLE, READER_ROLE
from meterhouse.warehouse.session import PLANNING

# A role's own, as those of a group are not inherited; docs/bi/access.md explains them.
_SETTINGS = {
    "search_path": BI,
    "timezone": "UTC",
    "default_transaction_read_only": "on",
    "statement_timeout": "120s",
    "idle_in_transaction_session_timeout": "60s",
    **PLANNING,
}
# Metabase opens up to fifteen sessions.
_CONNECTION_LIMIT = 20
# Of a role that is there: whether it may log in, whether it is a reader, and whether it may do more than read.
_FOUND = """
SELECT r.rolcanlogin, pg_has_role(r.oid, %(reader)s, 'MEMBER'),
    r.rolsuper OR r.rolcreaterole OR pg_has_role(r.oid, %(loader)s, 'MEMBER') OR pg_has_role(r.oid, n.nspowner, 'MEMBER')
FROM pg_catalog.pg_roles r, pg_catalog.pg_namespace n
WHERE r.rolname = %(role)s AND n.nspname = %(schema)s
"""


@dataclass(frozen=True)
class Reader:
    """A login as it is now: what was done, and the password if it was generated; nobody can read it later."""

    done: str
    generated_password: str | None = None


def require_reader_name(name: str) -> None:
    """Raise `FixConfiguration` for a name that a reader cannot have."""
    if not is_role_name(name):
        raise FixConfiguration(f"{name!r} cannot be a reader's name: {ROLE_NAME_RULE}")


def create_reader(owner_url: str, name: str, password: str | None) -> Reader:
    """Let `name` log in and read everything in bi; without a `password` a new login gets a generated one.

    A reader that is there keeps its settings, and its password unless one is given. Raises `FixConfiguration` for a role that is
    something else, so that nobody's role is changed by a slip.
    """
    require_reader_name(name)
    with as_owner(owner_url, "make a reader") as connection:
        found = connection.execute(_FOUND, {"role": name, "reader": READER_ROLE, "loader": LOADER_ROLE, "schema": BI}).fetchone()
        if found is not None:
            _require_reader(name, *found)
            if password is None:
                return Reader(f"{name} is a reader already, and keeps its password; METERHOUSE_READER_PASSWORD sets another")
            _set_password(connection, name, password)
            return Reader(f"{name} is a reader already, and has the new password now")
        require_grantable(connection, name, READER_ROLE, attributes=f"LOGIN PASSWORD '...' IN ROLE {READER_ROLE}")
        chosen = password or generated()
        _make(connection, name)
        _set_password(connection, name, chosen)
        where = f"{connection.info.host}:{connection.info.port}, database {connection.info.dbname}"
    return Reader(f"{name} reads schema {BI}, at {where}", None if password else chosen)


def _require_reader(name: str, may_log_in: bool, is_reader: bool, may_do_more: bool) -> None:
    if may_do_more:
        raise FixConfiguration(f"{name} is a role that may do more than read: choose another name for the reader")
    if not (is_reader and may_log_in):
        raise FixConfiguration(
            f"there is a role {name} that is not a login of {READER_ROLE}: choose another name, or let it in yourself with"
            f" GRANT {READER_ROLE} TO {name};"
        )


def _make(connection: Connection, name: str) -> None:
    role = Identifier(name)
    connection.execute(
        SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT {} IN ROLE {}").format(role, Literal(_CONNECTION_LIMIT), Identifier(READER_ROLE))
    )
    for setting, value in _SETTINGS.items():
        connection.execute(SQL("ALTER ROLE {} SET {} = {}").format(role, Identifier(setting), Literal(value)))


def _set_password(connection: Connection, name: str, password: str) -> None:
    connection.execute(SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(name), Literal(verifier(connection, name, password))))
