"""Views: the BI schema, rebuilt from sql/views/*.sql in the migration's transaction, with comments and grants.

A view that only gained columns at its end is replaced in place, so views that other people built on it stay. `{measures}` and
`{attributes}` in a file stand for the catalogue's usage columns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources

import psycopg
import sqlalchemy as sa

from meterhouse.dictionary import ATTRIBUTES, COLUMNS, MEASURES
from meterhouse.endpoints import BATCH, USAGE, USAGE_DIMENSIONS, Dimension, Endpoint, Kind
from meterhouse.errors import FixConfiguration

# In the order in which they build on each other.
VIEW_NAMES = (
    "usage_daily", "usage_hourly", "usage_minutely", "costs_daily", "tokens_by_model_daily", "usage_by_api_key_daily",
    "spend_by_project_month", "spend_by_line_item_daily", "coverage", "freshness", "revisions", "checks", "dim_organization",
    "dim_date", "dim_project", "dim_user", "dim_api_key", "dim_model", "dim_line_item", "fact_usage_daily", "fact_costs_daily",
    "data_dictionary",
)  # fmt: skip
# Once shipped and no longer; a view of another name in schema bi is somebody else's and stays.
RETIRED_VIEW_NAMES: tuple[str, ...] = ()
_NAMED = "usage_named"
_NAMED_QUERY = """
SELECT
    f.bucket_width,
    (f.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
    (f.bucket_start AT TIME ZONE 'UTC') AS bucket_start_utc,
    f.bucket_start AS bucket_at,
    o.label::varchar(64) AS organization,
    g.endpoint::varchar(64) AS endpoint,
    {dimensions},
    p.project_name::varchar(255) AS project_name,
    n.user_name::varchar(255) AS user_name,
    n.user_email::varchar(255) AS user_email,
    k.api_key_name::varchar(255) AS api_key_name,
    {measures},
    coalesce(c.is_complete, false) AS is_complete
FROM (
{branches}
) f
JOIN warehouse.dim_group g ON g.group_id = f.group_id
JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id
LEFT JOIN ops.coverage c
    ON c.organization_id = g.organization_id AND c.endpoint = g.endpoint AND c.bucket_width = f.bucket_width
    AND c.bucket_start = f.bucket_start
LEFT JOIN warehouse.dim_project p ON p.organization_id = g.organization_id AND p.project_id = g.project_id AND p.valid_to IS NULL
LEFT JOIN warehouse.dim_user n ON n.organization_id = g.organization_id AND n.user_id = g.user_id AND n.valid_to IS NULL
LEFT JOIN warehouse.dim_api_key k ON k.organization_id = g.organization_id AND k.api_key_id = g.api_key_id AND k.valid_to IS NULL
"""

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


def views() -> list[View]:
    """Return all views in the order in which they build on each other: the internal one that joins the facts, then the public ones."""
    internal = View("warehouse", _NAMED, _usage_named(), "All usage facts with names joined in; the public usage views select from it.")
    return [internal, *(_read(name) for name in VIEW_NAMES)]


def _read(name: str) -> View:
    text = resources.files("meterhouse").joinpath("sql", "views", f"{name}.sql").read_text()
    lines = text.splitlines()
    comment = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    query = "\n".join(line for line in lines if not line.startswith("-- "))
    filled = query.format(
        measures=",\n    ".join(f"u.{column}" for column in MEASURES), attributes=",\n    ".join(f"u.{column}" for column in ATTRIBUTES)
    )
    return View("bi", name, filled, " ".join(comment))


def _usage_named() -> str:
    """One branch per endpoint, with the same columns in each; a figure or dimension that it does not have is null."""
    branches = "\nUNION ALL\n".join(_branch(endpoint) for endpoint in USAGE)
    dimensions = ",\n    ".join(f"g.{_cast(dimension)}" for dimension in USAGE_DIMENSIONS)
    measures = ",\n    ".join(f"f.{column}" for column in MEASURES)
    return _NAMED_QUERY.format(dimensions=dimensions, measures=measures, branches=branches)


def _branch(endpoint: Endpoint) -> str:
    have = {metric.column: metric.name for metric in endpoint.metrics}
    figures = ", ".join(f"{have[column]} AS {column}" if column in have else f"NULL::bigint AS {column}" for column in MEASURES)
    return f"SELECT bucket_start, bucket_width, group_id, {figures} FROM warehouse.{endpoint.table}"  # noqa: S608  # catalogue names


def _cast(dimension: Dimension) -> str:
    if dimension.kind is Kind.FLAG:
        return f"{dimension.name} AS {'is_batch' if dimension is BATCH else dimension.name}"
    return f"{dimension.name}::varchar({dimension.max_length}) AS {dimension.name}"


def rebuild_views(connection: sa.Connection) -> None:
    """Create or replace every view, its comments and its grants, and drop those that are no longer shipped; all or nothing.

    Raises `FixConfiguration` when a view that somebody built on ours stands in the way of a change that is not an append.
    """
    wanted = views()
    for view in wanted:
        _create(connection, view, wanted)
    _drop(connection, [f"bi.{name}" for name in RETIRED_VIEW_NAMES])
    for view in wanted:
        _comment(connection, view)
    # View by view: in schema bi there may be other people's, which the owner has no right to give away.
    ours = ", ".join(view.qualified for view in wanted if view.schema == "bi")
    for role in ("meterhouse_reader", "meterhouse_loader"):
        connection.exec_driver_sql(f"GRANT SELECT ON {ours} TO {role}")
        connection.exec_driver_sql(f"ALTER DEFAULT PRIVILEGES IN SCHEMA bi GRANT SELECT ON TABLES TO {role}")


def drop_views(connection: sa.Connection) -> None:
    """Drop every view that is shipped, before tables under them go; raises as `rebuild_views` does."""
    _drop(connection, [view.qualified for view in reversed(views())])


def _create(connection: sa.Connection, view: View, wanted: list[View]) -> None:
    statement = f"CREATE OR REPLACE VIEW {view.qualified} AS {view.query.replace('%', '%%')}"
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(statement)
    except sa.exc.ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.InvalidTableDefinition):
            raise
        # Its columns were renamed or moved: it is made anew, and so are those of ours that build on it, which come later in the list.
        builders = set(connection.exec_driver_sql(_BUILD_ON, (view.qualified,)).scalars())
        _drop(connection, [other.qualified for other in reversed(wanted) if other.qualified in builders])
        connection.exec_driver_sql(statement)


def _drop(connection: sa.Connection, names: list[str]) -> None:
    for name in names:
        try:
            connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
        except sa.exc.InternalError as error:
            reason = re.sub(r"\s+", " ", str(error.orig))[:300]
            raise FixConfiguration(f"{name} must be made anew, but something of yours builds on it ({reason}): drop that first") from None


def _comment(connection: sa.Connection, view: View) -> None:
    connection.exec_driver_sql(f"COMMENT ON VIEW {view.qualified} IS {_literal(view.comment)}")
    if view.schema != "bi":
        return
    columns = connection.exec_driver_sql(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped", (view.qualified,)
    ).scalars()
    for column in columns:
        connection.exec_driver_sql(f"COMMENT ON COLUMN {view.qualified}.{column} IS {_literal(COLUMNS[column].comment())}")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"
