"""Statements: the SQL that replaces one window of one fact table, composed from the catalogue.

The window's bounds are literals in every statement, so that the planner reads one partition and not the table. Rows that are equal are
filtered out by joins: a conflict clause that updates nothing still locks and dirties every row it meets.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from uuid import uuid4

from psycopg.sql import SQL, Composed, Identifier, Literal

from meterhouse.endpoints import ENDPOINTS, BucketWidth, Endpoint, Kind
from meterhouse.schema import OF_AN_ORGANIZATION, WAREHOUSE, fact_columns, group_table
from meterhouse.windows import Window

_TYPES = {Kind.COUNT: "bigint", Kind.DECIMAL: "numeric"}


@cache
def row_types(endpoint: Endpoint) -> tuple[str, ...]:
    """Return the types of a fact's columns in order: bucket start, bucket width, group, metrics, for costs the unit, and extra."""
    metrics = tuple(_TYPES[metric.kind] for metric in endpoint.metrics)
    return ("timestamptz", "smallint", "integer", *metrics, *(("text",) if endpoint.is_costs else ()), "jsonb")


class Statements:
    """The statements of one stream: an endpoint's fact table at one bucket width for one organization."""

    def __init__(self, endpoint: Endpoint, width: BucketWidth, organization_id: int) -> None:
        self.columns = fact_columns(endpoint)
        self._types = row_types(endpoint)
        self._fact = Identifier(WAREHOUSE, endpoint.table)
        self._groups = Identifier(WAREHOUSE, group_table(endpoint).name)
        # A name of its own, so that rows of two windows never meet in one table, whatever a session keeps.
        self._stage = Identifier(f"stage_{endpoint.table}_{uuid4().hex[:16]}")
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

    def insert_all(self) -> Composed:
        """Every staged row, for a window that was empty."""
        return SQL("INSERT INTO {} ({names}) SELECT {names} FROM {} s ORDER BY 1, 3").format(self._fact, self._stage, names=self._names)

    def insert_new(self, window: Window) -> Composed:
        """Staged rows whose key is not there."""
        return SQL(
            "INSERT INTO {fact} ({names}) SELECT {names} FROM {stage} s"
            " WHERE NOT EXISTS (SELECT FROM {fact} f WHERE {same_key} AND {within}) ORDER BY 1, 3"
        ).format(fact=self._fact, names=self._names, stage=self._stage, same_key=_SAME_KEY, within=self._within(window))

    def log_changed(self, window: Window) -> Composed:
        """Old and new values of the rows that will change, into the revision log."""
        return SQL(
            "INSERT INTO ops.revisions (organization_id, endpoint, bucket_width, bucket_start, group_id, change, was_complete,"
            " old_values, new_values) SELECT {organization}, %(endpoint)s, {width}, f.bucket_start, f.group_id, 'changed',"
            " {was_complete}, {old}, {new} FROM {fact} f JOIN {stage} s ON {same_key} {coverage}"
            " WHERE {within} AND {differs}"
        ).format(
            organization=self._organization,
            width=self._width,
            was_complete=_WAS_COMPLETE,
            old=self._as_json("f"),
            new=self._as_json("s"),
            fact=self._fact,
            stage=self._stage,
            same_key=_SAME_KEY,
            coverage=self._coverage(),
            within=self._within(window),
            differs=self._differs(),
        )

    def update_changed(self, window: Window) -> Composed:
        """Rows whose values differ from the staged ones."""
        assignments = SQL(", ").join(SQL("{} = {}").format(Identifier(name), Identifier("s", name)) for name in self.columns)
        return SQL("UPDATE {} f SET {} FROM {} s WHERE {} AND {} AND {}").format(
            self._fact, assignments, self._stage, _SAME_KEY, self._within(window), self._differs()
        )

    def remove_vanished(self, window: Window) -> Composed:
        """Rows of the answered buckets that the answer no longer holds; their old values go into the revision log."""
        return SQL(
            "WITH removed AS (DELETE FROM {fact} f USING {groups} g WHERE g.group_id = f.group_id"
            " AND g.organization_id = {organization} AND {within} AND f.bucket_start = ANY(%(buckets)s)"
            " AND NOT EXISTS (SELECT FROM {stage} s WHERE {same_key}) RETURNING f.*)"
            " INSERT INTO ops.revisions (organization_id, endpoint, bucket_width, bucket_start, group_id, change, was_complete,"
            " old_values) SELECT {organization}, %(endpoint)s, {width}, f.bucket_start, f.group_id, 'removed',"
            " {was_complete}, {old} FROM removed f {coverage}"
        ).format(
            fact=self._fact,
            groups=self._groups,
            organization=self._organization,
            within=self._within(window),
            stage=self._stage,
            same_key=_SAME_KEY,
            width=self._width,
            was_complete=_WAS_COMPLETE,
            old=self._as_json("f"),
            coverage=self._coverage(),
        )

    def _own_groups(self) -> Composed:
        return SQL("JOIN {} g ON g.group_id = f.group_id AND g.organization_id = {}").format(self._groups, self._organization)

    def _within(self, window: Window) -> Composed:
        return SQL("f.bucket_width = {} AND f.bucket_start >= {} AND f.bucket_start < {}").format(
            self._width, Literal(window.start), Literal(window.end)
        )

    def _coverage(self) -> Composed:
        return SQL(
            "LEFT JOIN ops.coverage c ON c.organization_id = {} AND c.endpoint = %(endpoint)s AND c.bucket_width = {}"
            " AND c.bucket_start = f.bucket_start"
        ).format(self._organization, self._width)

    def _differs(self) -> Composed:
        old = SQL(", ").join(Identifier("f", name) for name in self.columns)
        new = SQL(", ").join(Identifier("s", name) for name in self.columns)
        return SQL("ROW({}) IS DISTINCT FROM ROW({})").format(old, new)

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
    )
    yield SQL(line_item).format(), "dim_line_item"
    model = (
        "DELETE FROM warehouse.dim_model d WHERE NOT EXISTS (SELECT FROM warehouse.dim_group g WHERE g.model = d.model)"
        " AND NOT EXISTS (SELECT FROM warehouse.dim_line_item i WHERE i.model = d.model)"
    )
    yield SQL(model).format(), "dim_model"


_KEY = ("bucket_start", "bucket_width", "group_id")
# Another grouping of the same figures is no restatement.
_WAS_COMPLETE = SQL("coalesce(c.is_complete AND c.source_grouping = %(grouping)s, true)")
_SAME_KEY = SQL("f.bucket_start = s.bucket_start AND f.group_id = s.group_id")
