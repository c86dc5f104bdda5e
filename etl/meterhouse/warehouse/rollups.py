"""Rollups: the statements that make them equal to the facts, for the days of one window or for all days.

Data flow: day facts of some days -> sums by the dimensions that a rollup keeps -> the days on which they differ from what is stored are
replaced. A day that is equal is not written, so that a second load of the same figures writes nothing; one that drifted is mended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from meterhouse.catalogue.endpoints import DAY, ENDPOINTS, Endpoint
from meterhouse.warehouse.rollup_tables import ROLLUPS, Rollup
from meterhouse.warehouse.schema import WAREHOUSE, group_table
from meterhouse.windows import Window

# Statistics may be older than a bulk load. A hash join is right for any number of rows, a nested loop only for few; in memory it takes
# half the time that it takes on disk.
WITHOUT_STATISTICS: LiteralString = "SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '64MB'"
_REPLACE = """
WITH fresh AS MATERIALIZED (
    SELECT {fresh}
    FROM {fact} f
    JOIN {groups} g ON g.group_id = f.group_id AND g.organization_id = {organization}
    WHERE f.bucket_width = {width} AND {within}
    GROUP BY {grain}
),

stored AS MATERIALIZED (
    SELECT {names} FROM {rollup} r WHERE {same_stream} AND {same_days}
),

differing AS MATERIALIZED (
    SELECT DISTINCT d.usage_date
    FROM (
        (SELECT * FROM fresh EXCEPT SELECT * FROM stored)
        UNION ALL
        (SELECT * FROM stored EXCEPT SELECT * FROM fresh)
    ) d
),

gone AS (
    DELETE FROM {rollup} r USING differing d WHERE r.usage_date = d.usage_date AND {same_stream} RETURNING 1
)

INSERT INTO {rollup} ({stream_names}, {names})
SELECT {stream}, fresh.*
FROM fresh
JOIN differing USING (usage_date)
-- Read to its end before the first row goes in: the key of a row that is replaced must be free.
WHERE (SELECT count(*) FROM gone) >= 0
"""
_FILL = """
INSERT INTO {rollup} ({stream_names}, {names})
SELECT {stream}, {fresh}
FROM {fact} f
JOIN {groups} g ON g.group_id = f.group_id AND g.organization_id = {organization}
WHERE f.bucket_width = {width} AND {within}
GROUP BY {grain}
"""
_HAS_ROWS = "SELECT EXISTS (SELECT FROM {rollup} r WHERE {same_stream} AND {same_days})"


def replace_days(connection: psycopg.Connection[Any], endpoint: Endpoint, organization_id: int, starts: Sequence[datetime]) -> int:
    """Make the sums of some days equal to the facts; return the rows written. `starts` are starts of UTC days.

    For whoever holds the lock of the endpoint's stream of days, in a transaction with settings `WITHOUT_STATISTICS`.
    """
    if not starts:
        return 0
    written = 0
    parameters = {"buckets": starts}
    for sums in statements(endpoint, organization_id, Window(min(starts), max(starts) + timedelta(days=1))):
        found = connection.execute(sums.has_rows, parameters).fetchone()
        written += connection.execute(sums.replace if found and found[0] else sums.fill, parameters).rowcount
    return written


@dataclass(frozen=True)
class SumStatements:
    """What keeps one rollup equal to the facts of some days: whether it has rows of them, how they are replaced, how they are filled in
    where it has none, which is half of the work. Each takes the parameter `buckets`, the starts of the days.
    """

    has_rows: Composed
    replace: Composed
    fill: Composed


def statements(endpoint: Endpoint, organization_id: int, days: Window) -> Iterator[SumStatements]:
    """Yield the statements of each rollup of the endpoint, for days within `days`."""
    for rollup in ROLLUPS:
        if rollup.is_costs == endpoint.is_costs:
            parts = _parts(rollup, endpoint, organization_id, days)
            yield SumStatements(SQL(_HAS_ROWS).format(**parts), SQL(_REPLACE).format(**parts), SQL(_FILL).format(**parts))


def drifted_days(endpoint: Endpoint, organization_id: int) -> Composed:
    """The query for those of some days whose sums are not of as many rows as the facts have.

    Takes the parameters `buckets`, the starts of the days, and `row_counts`. It sees sums that are missing, too many or of other rows,
    at the price of a glance; `meterhouse check` adds everything up.
    """
    parts = [
        SQL(
            "SELECT b.bucket_start FROM unnest(%(buckets)s::timestamptz[], %(row_counts)s::bigint[]) b (bucket_start, row_count)"
            " LEFT JOIN (SELECT r.usage_date, sum(r.row_count) AS row_count FROM {} r WHERE {} AND r.usage_date = ANY("
            "SELECT (d AT TIME ZONE 'UTC')::date FROM unnest(%(buckets)s::timestamptz[]) d) GROUP BY 1) r"
            " ON r.usage_date = (b.bucket_start AT TIME ZONE 'UTC')::date WHERE coalesce(r.row_count, 0) <> b.row_count"
        ).format(Identifier(WAREHOUSE, rollup.name), _same_stream(_stream(endpoint, organization_id)))
        for rollup in ROLLUPS
        if rollup.is_costs == endpoint.is_costs
    ]
    return SQL(" UNION ").join(parts)


def _stream(endpoint: Endpoint, organization_id: int) -> dict[str, Composable]:
    """Columns of a rollup that say whose rows they are."""
    owner: dict[str, Composable] = {"organization_id": Literal(organization_id)}
    return owner if endpoint.is_costs else owner | {"endpoint": Literal(endpoint.name)}


def _same_stream(stream: dict[str, Composable]) -> Composed:
    return SQL(" AND ").join(SQL("r.{} = {}").format(Identifier(name), value) for name, value in stream.items())


def _parts(rollup: Rollup, endpoint: Endpoint, organization_id: int, days: Window) -> dict[str, Composable]:
    """What stands for the words in braces of the statements above."""
    grain: dict[str, Composable] = {"usage_date": SQL("(f.bucket_start AT TIME ZONE 'UTC')::date")}
    grain |= {dimension.name: Identifier("g", dimension.name) for dimension in rollup.dimensions}
    stream = _stream(endpoint, organization_id)
    if endpoint.is_costs:
        grain["currency"] = Identifier("g", "currency")
    figures = dict(_costs()) if endpoint.is_costs else dict(_usage(endpoint))
    return {
        "fresh": SQL(", ").join(SQL("{} AS {}").format(value, Identifier(name)) for name, value in (grain | figures).items()),
        "fact": Identifier(WAREHOUSE, endpoint.table),
        "groups": Identifier(WAREHOUSE, group_table(endpoint).name),
        "rollup": Identifier(WAREHOUSE, rollup.name),
        "organization": Literal(organization_id),
        "width": Literal(DAY.minutes),
        "within": SQL("f.bucket_start >= {} AND f.bucket_start < {} AND f.bucket_start = ANY(%(buckets)s)").format(
            Literal(days.start), Literal(days.end)
        ),
        "grain": SQL(", ").join(grain.values()),
        "names": SQL(", ").join(map(Identifier, grain | figures)),
        "same_stream": _same_stream(stream),
        "same_days": SQL(
            "r.usage_date BETWEEN {} AND {}"
            " AND r.usage_date IN (SELECT (b AT TIME ZONE 'UTC')::date FROM unnest(%(buckets)s::timestamptz[]) b)"
        ).format(Literal(days.start.date()), Literal(days.end.date())),
        "stream_names": SQL(", ").join(map(Identifier, stream)),
        "stream": SQL(", ").join(stream.values()),
    }


def _usage(endpoint: Endpoint) -> Iterator[tuple[str, Composable]]:
    """Sums of what the endpoint has; what it has not stays null, and a level is the highest one."""
    columns = {metric.column: Identifier("f", metric.name) for metric in endpoint.metrics}
    tokens = [columns[name] for name in ("input_tokens", "output_tokens") if name in columns]
    yield "row_count", SQL("count(*)")
    yield "rows_without_requests", _without([columns["requests"]] if "requests" in columns else [])
    yield "rows_without_tokens", _without(tokens)
    if "input_cached_tokens" in columns:
        cacheable = SQL("sum({}) FILTER (WHERE {} IS NOT NULL)")
        yield "cacheable_input_tokens", cacheable.format(columns["input_tokens"], columns["input_cached_tokens"])
    for metric in endpoint.metrics:
        yield metric.column, SQL("sum({})" if metric.additive else "max({})").format(columns[metric.column])


def _costs() -> Iterator[tuple[str, Composable]]:
    amount = Identifier("f", "amount")
    yield "row_count", SQL("count(*)")
    yield "rows_without_cost", _without([amount])
    yield "amount", SQL("sum({})").format(amount)
    yield "cost", SQL("sum({}::numeric(28, 12))").format(amount)


def _without(columns: list[Identifier]) -> Composable:
    if not columns:
        return SQL("0")
    return SQL("count(*) FILTER (WHERE {})").format(SQL(" OR ").join(SQL("{} IS NULL").format(column) for column in columns))


def fill(connection: psycopg.Connection[Any]) -> int:
    """Make the sums of all days equal to the facts; return the rows written. The caller holds off loads, in a transaction."""
    written = 0
    connection.execute(WITHOUT_STATISTICS)
    for endpoint in ENDPOINTS.values():
        for organization_id, found in connection.execute(_days(endpoint)).fetchall():
            # In UTC, whatever time zone the session has.
            written += replace_days(connection, endpoint, organization_id, [start.astimezone(UTC) for start in found])
    return written


def _days(endpoint: Endpoint) -> Composed:
    """Every organization and its days that have facts or sums."""
    facts = SQL("SELECT g.organization_id, f.bucket_start FROM {} f JOIN {} g ON g.group_id = f.group_id WHERE f.bucket_width = {}").format(
        Identifier(WAREHOUSE, endpoint.table), Identifier(WAREHOUSE, group_table(endpoint).name), Literal(DAY.minutes)
    )
    stream = SQL("true") if endpoint.is_costs else SQL("r.endpoint = {}").format(Literal(endpoint.name))
    sums = [
        SQL("SELECT r.organization_id, r.usage_date::timestamp AT TIME ZONE 'UTC' FROM {} r WHERE {}").format(
            Identifier(WAREHOUSE, rollup.name), stream
        )
        for rollup in ROLLUPS
        if rollup.is_costs == endpoint.is_costs
    ]
    return SQL("SELECT d.organization_id, array_agg(d.bucket_start) FROM ({}) d (organization_id, bucket_start) GROUP BY 1").format(
        SQL(" UNION ").join([facts, *sums])
    )
