"""Views: the BI schema, rebuilt from sql/views/*.sql in the migration's transaction, with comments and grants.

A view that only gained columns at its end is replaced in place, so views that other people built on it stay. `view_words` gives the
values of the words in braces in a file. Schema bi_team holds the same views once more, made from what `sql/team` leaves of the tables:
the projects that were granted to the current role.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from itertools import takewhile

import psycopg
import sqlalchemy as sa

from meterhouse.catalogue.dictionary import COLUMNS, TEAM_COLUMNS
from meterhouse.errors import FixConfiguration
from meterhouse.setting_values import DEFAULT_TIME_ZONE
from meterhouse.warehouse.ownership import record
from meterhouse.warehouse.schema import BI, LOADER_ROLE, READER_ROLE, TEAM, TEAM_ROLE, WAREHOUSE
from meterhouse.warehouse.shipped_columns import in_place, types
from meterhouse.warehouse.team_columns import shown
from meterhouse.warehouse.view_reach import INTERNAL, REACH, SCOPED, SUMS, VIEW_NAMES, Reach
from meterhouse.warehouse.view_words import literal, usage_facts, view_words

_TEAM_REMARK = {
    Reach.PROJECTS: " Shows only the projects that were granted to you; totals and shares cover only those.",
    Reach.ORGANIZATION: " Shows only the organizations in which you were granted a project; rows and buckets are"
    " counted over all projects.",
    Reach.EVERYTHING: "",
}
# Once shipped and no longer; a view of another name in schema bi is somebody else's and stays.
RETIRED_VIEW_NAMES: tuple[str, ...] = ()
_FACTS = "usage_facts"
# Every view that selects from one view, directly or through others.
_BUILD_ON = """
WITH RECURSIVE builders (oid) AS (
    SELECT to_regclass(%s)::oid
    UNION
    SELECT r.ev_class
    FROM builders b
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = b.oid
    JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = d.objid
)

SELECT n.nspname || '.' || c.relname
FROM builders b
JOIN pg_catalog.pg_class c ON c.oid = b.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
"""


# A view that exists only while its columns are read.
_PROBE = f"{WAREHOUSE}.columns_of_a_query"
_COLUMNS = """
SELECT quote_ident(attname), format_type(atttypid, atttypmod)
FROM pg_catalog.pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
ORDER BY attnum
"""


@dataclass(frozen=True)
class View:
    """One view: its name with schema, its query, and its own comment."""

    schema: str
    name: str
    query: str
    comment: str

    @property
    def qualified(self) -> str:
        """Name with schema."""
        return f"{self.schema}.{self.name}"

    @property
    def is_public(self) -> bool:
        """Tell whether people are meant to read it."""
        return self.schema in {BI, TEAM}


def views(time_zone: str = DEFAULT_TIME_ZONE, reporting_currency: str | None = None) -> list[View]:
    """Return all views in the order in which they build on each other: internal ones that join names, the public ones, the teams'.

    `time_zone` is the one of the local days, `reporting_currency` the one that costs_converted_daily converts to.
    """
    words = view_words(time_zone, reporting_currency)
    facts = View(WAREHOUSE, _FACTS, usage_facts(), "All usage facts, with the same columns for every endpoint.")
    internal = [_internal(name, words) for name in INTERNAL]
    public = [_read(name, words) for name in VIEW_NAMES]
    scoped = [_stand_in("scope"), *(_stand_in(table.partition(".")[2]) for table in SCOPED)]
    return [
        facts,
        *internal,
        *public,
        *scoped,
        *(_for_teams(view) for view in (*internal, *public) if REACH.get(view.name) is not Reach.NOTHING),
    ]


def _read(name: str, words: Mapping[str, object]) -> View:
    query, comment = _file("views", name)
    return View(BI, name, query.format_map(words), comment)


def _internal(name: str, words: Mapping[str, object]) -> View:
    query, comment = _file("internal", name)
    return View(WAREHOUSE, name, query.format_map(words), comment)


def _file(folder: str, name: str) -> tuple[str, str]:
    """The query of a file, and the comment at its top."""
    lines = resources.files("meterhouse.warehouse").joinpath("sql", folder, f"{name}.sql").read_text().splitlines()
    comment = list(takewhile(lambda line: line.startswith("-- "), lines))
    return "\n".join(lines[len(comment) :]), " ".join(line.removeprefix("-- ") for line in comment)


def _stand_in(name: str) -> View:
    query, comment = _file("team", "rollup" if name in SUMS else name)
    return View(WAREHOUSE, f"team_{name}", query.replace("place.sums()", f"{WAREHOUSE}.{name}"), comment)


def _for_teams(view: View) -> View:
    """The same query over what the role that asks was granted."""
    query = view.query
    for table in SCOPED:
        query = re.sub(rf"\b{re.escape(table)}\b", f"warehouse.team_{table.partition('.')[2]}", query)
    query = re.sub(rf"\bwarehouse\.({'|'.join(INTERNAL)})\b", r"warehouse.team_\1", query)
    query = re.sub(r"\bbi\.", f"{TEAM}.", query).replace("'bi'", f"'{TEAM}'")
    if not view.is_public:
        return View(WAREHOUSE, f"team_{view.name}", query, view.comment)
    return View(TEAM, view.name, query, view.comment + _TEAM_REMARK[REACH[view.name]])


def rebuild_views(
    connection: sa.Connection,
    wanted: list[View] | None = None,
    *,
    time_zone: str = DEFAULT_TIME_ZONE,
    reporting_currency: str | None = None,
) -> None:
    """Create or replace every view, its comments and its grants, and drop those that are no longer shipped; all or nothing.

    Raises `FixConfiguration` when a view that somebody built on ours prevents a change that is not an append, or when the
    server does not know the time zone.
    """
    _require_time_zone(connection, time_zone)
    wanted = views(time_zone, reporting_currency) if wanted is None else wanted
    for view in wanted:
        _create(connection, view, wanted)
    _leave_to_owner(connection, wanted)
    _drop(connection, [f"{schema}.{name}" for schema in (TEAM, BI) for name in RETIRED_VIEW_NAMES])
    for view in wanted:
        _comment(connection, view)
    record(connection, [view.qualified for view in wanted])
    # View by view: in schema bi there may be other people's, which the owner has no right to give away.
    ours = ", ".join(view.qualified for view in wanted if view.schema == BI)
    for role in (READER_ROLE, LOADER_ROLE):
        connection.exec_driver_sql(f"GRANT SELECT ON {ours} TO {role}")
    # No default privileges in this schema: a view that somebody adds would not be scoped.
    for view in wanted:
        if view.schema == TEAM:
            connection.exec_driver_sql(f"GRANT SELECT ON {view.qualified} TO {TEAM_ROLE}")


def _require_time_zone(connection: sa.Connection, time_zone: str) -> None:
    # Looked up by name: PostgreSQL accepts nearly any word as the abbreviation of a zone.
    query = "SELECT FROM pg_catalog.pg_timezone_names WHERE name = %s"
    if time_zone != DEFAULT_TIME_ZONE and not connection.exec_driver_sql(query, (time_zone,)).fetchall():
        raise FixConfiguration(
            f"METERHOUSE_LOCAL_TIME_ZONE: the server knows no time zone {time_zone!r}; its view pg_timezone_names lists them"
        )


def drop_views(connection: sa.Connection) -> None:
    """Drop every view that is shipped, before tables under them go; raises as `rebuild_views` does."""
    _drop(connection, [view.qualified for view in reversed(views())])
    record(connection, ())


def _create(connection: sa.Connection, view: View, wanted: list[View]) -> None:
    query, barrier = view.query, ""
    if view.schema == TEAM:
        # A barrier: no condition of a query, and no error in one, is tried on rows that the view does not show.
        barrier = " WITH (security_barrier = true)"
        if REACH[view.name] is not Reach.EVERYTHING:
            # The view of bi has the same columns, and is made before.
            query = shown(query, [tuple(row) for row in connection.exec_driver_sql(_COLUMNS, (f"{BI}.{view.name}",))])
    query = in_place(query, _names(connection, query), _columns_before(connection, view))
    statement = f"CREATE OR REPLACE VIEW {view.qualified}{barrier} AS {_percent(query)}"
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(statement)
    except sa.exc.ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.InvalidTableDefinition):
            raise
        # Its columns were renamed or moved: it is recreated, and so are those of ours that build on it, which come later in the list.
        builders = set(connection.exec_driver_sql(_BUILD_ON, (view.qualified,)).scalars())
        _drop(connection, [other.qualified for other in reversed(wanted) if other.qualified in builders])
        connection.exec_driver_sql(statement)


def _names(connection: sa.Connection, query: str) -> list[str]:
    """The names of a query's columns. It is not run: the role that makes a view need not be allowed to read what it shows."""
    connection.exec_driver_sql(f"CREATE VIEW {_PROBE} AS {_percent(query)}")
    names = _columns_of(connection, _PROBE)
    connection.exec_driver_sql(f"DROP VIEW {_PROBE}")
    return names


def _columns_before(connection: sa.Connection, view: View) -> list[str]:
    """The columns that a view has in this warehouse; of a new one those that it was shipped with."""
    found = _columns_of(connection, view.qualified)
    return found or list(types().get(view.name, ())) if view.is_public else found


def _columns_of(connection: sa.Connection, view: str) -> list[str]:
    return [str(row[0]).strip('"') for row in connection.exec_driver_sql(_COLUMNS, (view,))]


def _leave_to_owner(connection: sa.Connection, wanted: list[View]) -> None:
    """Give views that a superuser made, or restored, to the owner of schema bi, who will replace them next time."""
    owner = connection.exec_driver_sql(
        "SELECT quote_ident(pg_get_userbyid(nspowner)) FROM pg_namespace WHERE nspname = 'bi' AND nspowner <> current_user::regrole"
        " AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
    ).scalar()
    if owner is None:
        return
    query = (
        "SELECT schemaname || '.' || viewname FROM pg_catalog.pg_views"
        " WHERE viewowner IN (SELECT rolname FROM pg_catalog.pg_roles WHERE rolsuper)"
    )
    made = set(connection.exec_driver_sql(query).scalars())
    for view in wanted:
        if view.qualified in made:
            connection.exec_driver_sql(f"ALTER VIEW {view.qualified} OWNER TO {owner}")


def _drop(connection: sa.Connection, names: list[str]) -> None:
    for name in names:
        try:
            connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
        except sa.exc.InternalError as error:
            reason = re.sub(r"\s+", " ", str(error.orig))[:300]
            raise FixConfiguration(f"{name} must be recreated, but something of yours builds on it ({reason}): drop that first") from None


def _comment(connection: sa.Connection, view: View) -> None:
    connection.exec_driver_sql(f"COMMENT ON VIEW {view.qualified} IS {_percent(literal(view.comment))}")
    if not view.is_public:
        return
    meanings = COLUMNS | TEAM_COLUMNS if view.schema == TEAM else COLUMNS
    columns = connection.exec_driver_sql(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped", (view.qualified,)
    ).scalars()
    for column in columns:
        connection.exec_driver_sql(f"COMMENT ON COLUMN {view.qualified}.{column} IS {_percent(literal(meanings[column].comment()))}")


def _percent(statement: str) -> str:
    """To the driver a single percent sign would begin a parameter."""
    return statement.replace("%", "%%")
