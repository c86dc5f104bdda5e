"""Rollups: the statements that make them equal to the facts, for the buckets of one window or for all.

Data flow: facts of some days or hours, or the rows of a rollup that keeps more -> sums by the dimensions that a rollup keeps -> the buckets
in which they differ from what is stored are replaced. A bucket that is equal is not written, so that a second load of the same figures
writes nothing; one that drifted is repaired.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from meterhouse.catalogue.endpoints import ENDPOINTS, BucketWidth, Endpoint
from meterhouse.warehouse.rollup_tables import ROLLUPS, Rollup, rollups_of
from meterhouse.warehouse.schema import WAREHOUSE, group_table
from meterhouse.windows import Window

# Statistics may be older than a bulk load. A hash join is right for any number of rows; a nested loop only for few, and so is a merge join,
# which the planner then makes on a part of the condition. In memory a hash join takes half the time that it takes on disk.
WITHOUT_STATISTICS: LiteralString = "SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off; SET LOCAL work_mem = '64MB'"
_REPLACE = """
WITH fresh AS MATERIALIZED (
    SELECT {fresh}
    FROM {added_up}
    GROUP BY {grain}
),

stored AS MATERIALIZED (
    SELECT {names} FROM {rollup} r WHERE {same_stream} AND {same_buckets}
),

differing AS MATERIALIZED (
    SELECT DISTINCT d.{bucket}
    FROM (
        (SELECT * FROM fresh EXCEPT SELECT * FROM stored)
        UNION ALL
        (SELECT * FROM stored EXCEPT SELECT * FROM fresh)
    ) d
),

gone AS (
    DELETE FROM {rollup} r USING differing d WHERE r.{bucket} = d.{bucket} AND {same_stream} AND {within_days} RETURNING 1
)

INSERT INTO {rollup} ({stream_names}, {names})
SELECT {stream}, fresh.*
FROM fresh
JOIN differing USING ({bucket})
-- Read to its end before the first row goes in: the key of a row that is replaced must be free.
WHERE (SELECT count(*) FROM gone) >= 0
-- So that the rows of a day lie together.
ORDER BY {bucket}
"""
_FILL = """
INSERT INTO {rollup} ({stream_names}, {names})
SELECT {stream}, {fresh}
FROM {added_up}
GROUP BY {grain}
ORDER BY {bucket_of_row}
"""
_FACTS = """
{fact} f
JOIN {groups} g ON g.group_id = f.group_id AND g.organization_id = {organization}
WHERE f.bucket_width = {width} AND f.bucket_start >= {start} AND f.bucket_start < {end} AND f.bucket_start = ANY(%(buckets)s)
"""
_SOURCE = "{rollup} r WHERE {same_stream} AND {same_buckets}"
# The columns that say of when a sum is, from the start of a bucket; and that start from the one that tells its bucket.
_OF_A_START = {"usage_date": SQL("({} AT TIME ZONE 'UTC')::date"), "bucket_start": SQL("{}")}
_START = {"usage_date": SQL("r.usage_date::timestamp AT TIME ZONE 'UTC'"), "bucket_start": SQL("r.bucket_start")}
_HAS_ROWS = "SELECT EXISTS (SELECT FROM {rollup} r WHERE {same_stream} AND {same_buckets})"
_BUCKETS = """
SELECT b.organization_id, array_agg(b.bucket_start)
FROM (
    SELECT g.organization_id, f.bucket_start FROM {fact} f JOIN {groups} g ON g.group_id = f.group_id WHERE f.bucket_width = {width}
    UNION
    SELECT r.organization_id, {start} FROM {rollup} r WHERE {stream}
) b (organization_id, bucket_start)
GROUP BY 1
"""
_DRIFTED = """
SELECT b.bucket_start
FROM unnest(%(buckets)s::timestamptz[], %(row_counts)s::bigint[]) b (bucket_start, row_count)
LEFT JOIN (
    SELECT r.{bucket}, sum(r.row_count) AS row_count FROM {rollup} r WHERE {same_stream} AND {same_buckets} GROUP BY 1
) r ON r.{bucket} = {bucket_of_start}
WHERE coalesce(r.row_count, 0) <> b.row_count
"""


def replace_sums(
    connection: psycopg.Connection[Any], endpoint: Endpoint, width: BucketWidth, organization_id: int, starts: Sequence[datetime]
) -> int:
    """Make the sums of some buckets equal to the facts; return the rows written. `starts` are their starts, in UTC.

    The caller must hold the lock of the stream, in a transaction with settings `WITHOUT_STATISTICS`.
    """
    return sum(_replace(connection, rollup, endpoint, organization_id, starts) for rollup in rollups_of(endpoint, width))


def _replace(
    connection: psycopg.Connection[Any], rollup: Rollup, endpoint: Endpoint, organization_id: int, starts: Sequence[datetime]
) -> int:
    if not starts:
        return 0
    sums, parameters = statements(rollup, endpoint, organization_id, _span(starts, rollup.width)), {"buckets": starts}
    found = connection.execute(sums.has_rows, parameters).fetchone()
    return connection.execute(sums.replace if found and found[0] else sums.fill, parameters).rowcount


@dataclass(frozen=True)
class SumStatements:
    """What keeps one rollup equal to the facts of some buckets: whether it has rows of them, how they are replaced, how they are filled in
    where it has none, which is half of the work. Each takes the parameter `buckets`, the starts.
    """

    has_rows: Composed
    replace: Composed
    fill: Composed


def statements(rollup: Rollup, endpoint: Endpoint, organization_id: int, window: Window) -> SumStatements:
    """Return the statements of a rollup of the endpoint, for buckets within `window`."""
    parts = _parts(rollup, endpoint, organization_id, window)
    return SumStatements(SQL(_HAS_ROWS).format(**parts), SQL(_REPLACE).format(**parts), SQL(_FILL).format(**parts))


def drifted_buckets(
    connection: psycopg.Connection[Any], endpoint: Endpoint, width: BucketWidth, organization_id: int, row_counts: Mapping[datetime, int]
) -> list[datetime]:
    """Return the starts of those buckets whose sums are not of as many rows as the facts have, which `row_counts` says.

    It sees sums that are missing, too many or of other rows, at the price of a glance; `meterhouse check` adds everything up.
    """
    if not row_counts or not rollups_of(endpoint, width):
        return []
    window = _span(row_counts, width)
    parts = [SQL(_DRIFTED).format(**_parts(rollup, endpoint, organization_id, window)) for rollup in rollups_of(endpoint, width)]
    parameters = {"buckets": list(row_counts), "row_counts": list(row_counts.values())}
    return [start for (start,) in connection.execute(SQL(" UNION ").join(parts), parameters).fetchall()]


def _span(starts: Collection[datetime], width: BucketWidth) -> Window:
    """The window from the first of some buckets to the end of the last."""
    return Window(min(starts), max(starts) + timedelta(seconds=width.seconds))


def _stream(endpoint: Endpoint, organization_id: int) -> dict[str, Composable]:
    """Columns of a rollup that say whose rows they are."""
    known: dict[str, Composable] = {"organization_id": Literal(organization_id), "endpoint": Literal(endpoint.name)}
    return {name: known[name] for name in endpoint.family.owner}


def _same_stream(stream: dict[str, Composable]) -> Composed:
    return SQL(" AND ").join(SQL("r.{} = {}").format(Identifier(name), value) for name, value in stream.items())


def _parts(rollup: Rollup, endpoint: Endpoint, organization_id: int, window: Window) -> dict[str, Composable]:
    """The values of the words in braces in the statements above."""
    bucket = rollup.times[-1]
    within_days = SQL("r.usage_date BETWEEN {} AND {}").format(Literal(window.start.date()), Literal(window.end.date()))
    stream = _stream(endpoint, organization_id)
    rows: dict[str, Composable] = {
        "rollup": Identifier(WAREHOUSE, rollup.name),
        "same_stream": _same_stream(stream),
        # The day by its bounds, so that an index is used; then exactly.
        "within_days": within_days,
        "same_buckets": SQL("{} AND r.{} IN (SELECT {} FROM unnest(%(buckets)s::timestamptz[]) b)").format(
            within_days, Identifier(bucket), _OF_A_START[bucket].format(Identifier("b"))
        ),
    }
    sums = _sums_of_facts(rollup, endpoint, organization_id, window) if rollup.source is None else _sums_of_sums(rollup, endpoint, rows)
    named = sums.grain | sums.figures
    return rows | {
        "fresh": SQL(", ").join(SQL("{} AS {}").format(value, Identifier(name)) for name, value in named.items()),
        "added_up": sums.added_up,
        "grain": SQL(", ").join(sums.grain.values()),
        "names": SQL(", ").join(map(Identifier, named)),
        "bucket": Identifier(bucket),
        "bucket_of_row": sums.grain[bucket],
        "bucket_of_start": _OF_A_START[bucket].format(Identifier("b", "bucket_start")),
        "stream_names": SQL(", ").join(map(Identifier, stream)),
        "stream": SQL(", ").join(stream.values()),
    }


@dataclass(frozen=True)
class _Sums:
    """What a rollup is added up from, with its conditions; its grain and its figures by the names of its columns."""

    added_up: Composable
    grain: dict[str, Composable]
    figures: dict[str, Composable]


def _sums_of_facts(rollup: Rollup, endpoint: Endpoint, organization_id: int, window: Window) -> _Sums:
    grain: dict[str, Composable] = {name: _OF_A_START[name].format(Identifier("f", "bucket_start")) for name in rollup.times}
    grain |= {name: Identifier("g", name) for name in _kept(rollup, endpoint)}
    figures = dict(_costs()) if endpoint.is_costs else dict(_usage(endpoint))
    if rollup.has_quantities:
        figures |= dict(_quantities())
    facts = SQL(_FACTS).format(
        fact=Identifier(WAREHOUSE, endpoint.table),
        groups=Identifier(WAREHOUSE, group_table(endpoint).name),
        organization=Literal(organization_id),
        width=Literal(rollup.width.minutes),
        start=Literal(window.start),
        end=Literal(window.end),
    )
    return _Sums(facts, grain, figures)


def _sums_of_sums(rollup: Rollup, endpoint: Endpoint, rows: Mapping[str, Composable]) -> _Sums:
    """The sums of those of its source, which has the same figures; a level is the highest one again."""
    source = Identifier(WAREHOUSE, rollup.source.name if rollup.source else rollup.name)
    grain: dict[str, Composable] = {name: Identifier("r", name) for name in (*rollup.times, *_kept(rollup, endpoint))}
    levels = {metric.column for metric in endpoint.metrics if not metric.additive}
    names = dict(_costs()) if endpoint.is_costs else dict(_usage(endpoint))
    figures = {name: SQL("max({})" if name in levels else "sum({})").format(Identifier("r", name)) for name in names}
    return _Sums(SQL(_SOURCE).format(**(dict(rows) | {"rollup": source})), grain, dict(figures))


def _kept(rollup: Rollup, endpoint: Endpoint) -> list[str]:
    """The columns of a rollup's grain that say of what a row is, in order."""
    return [*(dimension.name for dimension in rollup.dimensions), *endpoint.family.keys]


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


def _quantities() -> Iterator[tuple[str, Composable]]:
    """Only quantities of one unit are added up; the vendor has no unit for some lines."""
    one_unit = SQL("CASE WHEN min(coalesce(f.quantity_unit, '')) = max(coalesce(f.quantity_unit, '')) THEN {} END")
    yield "rows_without_quantity", _without([Identifier("f", "quantity")])
    yield "quantity", one_unit.format(SQL("sum(f.quantity)"))
    yield "quantity_unit", one_unit.format(SQL("max(f.quantity_unit)"))


def _without(columns: list[Identifier]) -> Composable:
    if not columns:
        return SQL("0")
    return SQL("count(*) FILTER (WHERE {})").format(SQL(" OR ").join(SQL("{} IS NULL").format(column) for column in columns))


def fill(connection: psycopg.Connection[Any], rollups: Collection[Rollup] = ROLLUPS) -> int:
    """Make the sums of all days and hours equal to the facts; return the rows written. The caller holds off loads, in a transaction."""
    written = 0
    connection.execute(WITHOUT_STATISTICS)
    for rollup in rollups:
        for endpoint in ENDPOINTS.values():
            if rollup in rollups_of(endpoint, rollup.width):
                for organization_id, found in connection.execute(_buckets(rollup, endpoint)).fetchall():
                    # In UTC, whatever time zone the session has.
                    written += _replace(connection, rollup, endpoint, organization_id, [start.astimezone(UTC) for start in found])
    return written


def fill_new(connection: psycopg.Connection[Any]) -> int:
    """Fill the tables that have no row yet, as those that a migration has just made; loads keep the others."""
    has_rows = SQL("SELECT EXISTS (SELECT FROM {})")
    found = [(rollup, connection.execute(has_rows.format(Identifier(WAREHOUSE, rollup.name))).fetchone()) for rollup in ROLLUPS]
    return fill(connection, [rollup for rollup, row in found if row and not row[0]])


def _buckets(rollup: Rollup, endpoint: Endpoint) -> Composed:
    """Every organization and the starts of its buckets that have facts of the endpoint, or sums."""
    stream = SQL("r.endpoint = {}").format(Literal(endpoint.name)) if "endpoint" in endpoint.family.owner else SQL("true")
    return SQL(_BUCKETS).format(
        fact=Identifier(WAREHOUSE, endpoint.table),
        groups=Identifier(WAREHOUSE, group_table(endpoint).name),
        width=Literal(rollup.width.minutes),
        start=_START[rollup.times[-1]],
        rollup=Identifier(WAREHOUSE, rollup.name),
        stream=stream,
    )
