"""Statements: the SQL that replaces one window of one fact table, composed from the catalogue.

The window's bounds are literals in every statement, so that the planner reads one partition and not the table. Rows that are equal are
filtered out by a join: a conflict clause that updates nothing still locks and dirties every row it meets.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from uuid import uuid4

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from meterhouse.catalogue.endpoints import COSTS, ENDPOINTS, BucketWidth, Endpoint, Kind
from meterhouse.warehouse.schema import OF_AN_ORGANIZATION, WAREHOUSE, fact_columns, group_table
from meterhouse.windows import Window

_TYPES = {Kind.COUNT: "bigint", Kind.DECIMAL: "numeric"}


@cache
def row_types(endpoint: Endpoint) -> tuple[str, ...]:
    """Return the types of a fact's columns in order: bucket start, bucket width, group, metrics, for costs the unit, and extra."""
    metrics = tuple(_TYPES[metric.kind] for metric in endpoint.metrics)
    return ("timestamptz", "smallint", "integer", *metrics, *("text" for _ in endpoint.family.values), "jsonb")


# Rows of buckets that were not answered are no part of it. Another grouping or origin of the same figures is no restatement.
# Of costs also what is added to a settled day is logged: what was billed on the day of an invoice follows from the log.
_REPLACE = """
WITH difference AS MATERIALIZED (
    SELECT
        coalesce(s.bucket_start, f.bucket_start) AS bucket_start,
        coalesce(s.group_id, f.group_id) AS group_id,
        CASE WHEN f.group_id IS NULL THEN 'new' WHEN s.group_id IS NULL THEN 'removed' ELSE 'changed' END AS change,
        CASE WHEN f.group_id IS NOT NULL THEN {old} END AS old_values,
        CASE WHEN f.group_id IS NOT NULL AND s.group_id IS NOT NULL THEN {new} END AS new_values,
        {new_columns}
    FROM (
        SELECT f.*
        FROM {fact} f
        JOIN {groups} g ON g.group_id = f.group_id AND g.organization_id = {organization}
        WHERE {within} AND f.bucket_start = ANY(%(buckets)s)
    ) f
    FULL JOIN {stage} s ON s.bucket_start = f.bucket_start AND s.group_id = f.group_id
    WHERE f.group_id IS NULL
        OR (s.group_id IS NULL AND f.bucket_start = ANY(%(whole)s))
        OR (s.group_id IS NOT NULL AND ROW({old_columns}) IS DISTINCT FROM ROW({new_columns}))
),

logged AS (
    INSERT INTO ops.revisions (
        organization_id, endpoint, bucket_width, bucket_start, group_id, change, was_complete, old_values, new_values
    )
    SELECT
        {organization}, %(endpoint)s, {width}, d.bucket_start, d.group_id, CASE d.change WHEN 'new' THEN 'added' ELSE d.change END,
        coalesce(c.is_complete AND c.source_grouping = %(grouping)s AND c.origin = %(origin)s, true), coalesce(d.old_values, '{{}}'),
        CASE d.change WHEN 'new' THEN {added} ELSE d.new_values END
    FROM difference d
    LEFT JOIN ops.coverage c ON c.organization_id = {organization} AND c.endpoint = %(endpoint)s AND c.bucket_width = {width}
        AND c.bucket_start = d.bucket_start
    WHERE d.change <> 'new'{or_added}
    ORDER BY d.bucket_start, d.group_id
    RETURNING bucket_start, was_complete
),

changed AS (
    UPDATE {fact} f SET {assignments} FROM difference d
    WHERE d.change = 'changed' AND f.bucket_start = d.bucket_start AND f.group_id = d.group_id AND {within}
    RETURNING 1
),

removed AS (
    DELETE FROM {fact} f USING difference d
    WHERE d.change = 'removed' AND f.bucket_start = d.bucket_start AND f.group_id = d.group_id AND {within}
    RETURNING 1
),

added AS (
    INSERT INTO {fact} ({names})
    SELECT bucket_start, {width}, group_id, {columns} FROM difference WHERE change = 'new' ORDER BY bucket_start, group_id
    RETURNING 1
)

SELECT
    (SELECT count(*) FROM added),
    (SELECT count(*) FROM changed),
    (SELECT count(*) FROM removed),
    (SELECT count(DISTINCT bucket_start) FROM logged WHERE was_complete)
"""


_OR_ADDED = " OR (c.is_complete AND c.source_grouping = %(grouping)s AND c.origin = %(origin)s)"


class Statements:
    """The statements of one stream: an endpoint's fact table at one bucket width for one organization."""

    def __init__(self, endpoint: Endpoint, width: BucketWidth, organization_id: int) -> None:
        self.columns = fact_columns(endpoint)
        self._types = row_types(endpoint)
        self._fact = Identifier(WAREHOUSE, endpoint.table)
        self._groups = Identifier(WAREHOUSE, group_table(endpoint).name)
        # A unique name, so that rows of two windows never meet in one table, whatever a session keeps.
        self._stage = Identifier(f"stage_{endpoint.table}_{uuid4().hex[:16]}")
        self.stage: Composable = self._stage
        self._is_bill = endpoint.name == COSTS.name
        self._width = Literal(width.minutes)
        self._organization = Literal(organization_id)
        self._names = SQL(", ").join(map(Identifier, (*_KEY, *self.columns)))

    def create_stage(self) -> Composed:
        """An empty temporary table for the rows of one window, gone with its transaction."""
        names = zip((*_KEY, *self.columns), self._types, strict=True)
        columns = SQL(", ").join(SQL("{} {}").format(Identifier(name), SQL(type_)) for name, type_ in names)
        return SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(self._stage, columns)

    def copy_stage(self) -> Composed:
        """Binary COPY into the temporary table."""
        return SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(self._stage, self._names)

    def copy_fact(self) -> Composed:
        """Binary COPY into the fact table, for a window that is empty."""
        return SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(self._fact, self._names)

    def keep_buckets(self) -> Composed:
        """Forget the staged rows of all but the given buckets."""
        return SQL("DELETE FROM {} WHERE bucket_start <> ALL(%s)").format(self._stage)

    def has_rows(self, window: Window) -> Composed:
        """Whether the organization has rows in the window."""
        return SQL("SELECT EXISTS (SELECT FROM {} f {} WHERE {})").format(self._fact, self._own_groups(), self._within(window))

    def has_rows_of(self, window: Window) -> Composed:
        """Whether the organization has rows of some buckets of the window; takes their starts as its parameter."""
        return SQL("SELECT EXISTS (SELECT FROM {} f {} WHERE {} AND f.bucket_start = ANY(%s))").format(
            self._fact, self._own_groups(), self._within(window)
        )

    def insert_all(self) -> Composed:
        """Every staged row, for a window that was empty."""
        return SQL("INSERT INTO {} ({names}) SELECT {names} FROM {} s ORDER BY 1, 3").format(self._fact, self._stage, names=self._names)

    def replace(self, window: Window) -> Composed:
        """Make the facts of `window` equal to the staged rows, and log the old values of rows that change or go.

        Stored and staged rows meet once, whatever the planner thinks of their number. Takes the parameters `endpoint`, `grouping`,
        `buckets` (starts of the answered buckets) and `whole` (those from which a row that is not staged is removed); returns one row:
        how many rows were new, changed and removed, and how many complete buckets were restated.
        """
        return SQL(_REPLACE).format(
            organization=self._organization,
            width=self._width,
            fact=self._fact,
            groups=self._groups,
            stage=self._stage,
            names=self._names,
            columns=SQL(", ").join(map(Identifier, self.columns)),
            old_columns=SQL(", ").join(Identifier("f", name) for name in self.columns),
            new_columns=SQL(", ").join(Identifier("s", name) for name in self.columns),
            old=self._as_json("f"),
            new=self._as_json("s"),
            added=self._as_json("d") if self._is_bill else SQL("NULL"),
            or_added=SQL(" OR (c.is_complete AND c.source_grouping = %(grouping)s AND c.origin = %(origin)s)")
            if self._is_bill
            else SQL(""),
            within=self._within(window),
            assignments=SQL(", ").join(SQL("{} = {}").format(Identifier(name), Identifier("d", name)) for name in self.columns),
        )

    def _own_groups(self) -> Composed:
        return SQL("JOIN {} g ON g.group_id = f.group_id AND g.organization_id = {}").format(self._groups, self._organization)

    def _within(self, window: Window) -> Composed:
        return SQL("f.bucket_width = {} AND f.bucket_start >= {} AND f.bucket_start < {}").format(
            self._width, Literal(window.start), Literal(window.end)
        )

    def _as_json(self, alias: str) -> Composed:
        pairs = SQL(", ").join(SQL("{}, {}").format(Literal(name), Identifier(alias, name)) for name in self.columns)
        return SQL("jsonb_strip_nulls(jsonb_build_object({}))").format(pairs)


def purge_statements(organization_id: int, label: str) -> Iterator[tuple[Composed, str]]:
    """Yield (statement, table) that remove one organization, facts first, and then names that no organization uses any more."""
    owner = Literal(organization_id)
    for endpoint in ENDPOINTS.values():
        fact, groups = Identifier(WAREHOUSE, endpoint.table), Identifier(WAREHOUSE, group_table(endpoint).name)
        query = SQL("DELETE FROM {} f USING {} g WHERE g.group_id = f.group_id AND g.organization_id = {}")
        yield query.format(fact, groups, owner), endpoint.table
    for schema, table in OF_AN_ORGANIZATION:
        yield SQL("DELETE FROM {} WHERE organization_id = {}").format(Identifier(schema, table), owner), table
    run_log = "DELETE FROM ops.run_log r WHERE r.parameters ->> 'organization' = {}"
    yield SQL(run_log).format(Literal(label)), "run_log"
    line_item = (
        "DELETE FROM warehouse.dim_line_item d WHERE NOT EXISTS (SELECT FROM warehouse.dim_cost_group g WHERE g.line_item = d.line_item)"
        " AND NOT EXISTS (SELECT FROM warehouse.dim_cost_by_user_group g WHERE g.line_item = d.line_item)"
    )
    yield SQL(line_item).format(), "dim_line_item"
    model = (
        "DELETE FROM warehouse.dim_model d WHERE NOT EXISTS (SELECT FROM warehouse.dim_group g WHERE g.model = d.model)"
        " AND NOT EXISTS (SELECT FROM warehouse.dim_line_item i WHERE i.model = d.model)"
    )
    yield SQL(model).format(), "dim_model"


_KEY = ("bucket_start", "bucket_width", "group_id")
