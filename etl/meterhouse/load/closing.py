"""Closing: a month whose invoices tie keeps its costs as they are; later restatements become corrections of the month that sees them.

Data flow: invoices and settled days -> `bi.invoice_tie_out` -> a month that ties for every currency is marked `invoiced` in the coverage of
its days -> a load does not touch the rows of these days, and keeps how its answer differs from them as corrections.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import date, datetime

from psycopg.sql import SQL, Composable

from meterhouse.catalogue.endpoints import COSTS, DAY
from meterhouse.counts import counted
from meterhouse.load.chain import CoveredBucket
from meterhouse.load.stream import Stream
from meterhouse.warehouse.database import Connection
from meterhouse.warehouse.rollups import replace_sums

log = logging.getLogger(__name__)

_OF_MONTH = SQL(
    "c.organization_id = %(organization)s AND c.endpoint = 'costs' AND c.bucket_width = 1440"
    " AND c.bucket_start >= %(month)s::date::timestamp AT TIME ZONE 'UTC'"
    " AND c.bucket_start < (%(month)s::date + interval '1 month') AT TIME ZONE 'UTC'"
)
_CLOSED_STARTS = """
SELECT c.bucket_start
FROM ops.coverage c
WHERE c.organization_id = %(organization)s AND c.endpoint = 'costs' AND c.bucket_width = 1440 AND c.finality = 'invoiced'
    AND c.bucket_start = ANY(%(starts)s)
"""
_SETTLED_STARTS = """
SELECT c.bucket_start
FROM ops.coverage c
WHERE c.organization_id = %(organization)s AND c.endpoint = 'costs' AND c.bucket_width = 1440 AND c.is_complete
    AND c.bucket_start = ANY(%(starts)s)
LIMIT 1
"""
_HAS_OPEN_INVOICE = """
SELECT EXISTS (
    SELECT FROM warehouse.invoices i
    LEFT JOIN ops.coverage c
        ON c.organization_id = i.organization_id AND c.endpoint = 'costs' AND c.bucket_width = 1440
        AND c.bucket_start = i.month_start::timestamp AT TIME ZONE 'UTC'
    WHERE i.organization_id = %(organization)s AND c.finality IS DISTINCT FROM 'invoiced'
)
"""
# A currency in which nothing was billed needs no invoice.
_TIED = """
SELECT t.month_start
FROM bi.invoice_tie_out t
JOIN warehouse.dim_organization o ON o.label = t.organization
WHERE o.organization_id = %(organization)s AND NOT t.is_closed
GROUP BY t.month_start
HAVING bool_or(t.invoice_count > 0) AND bool_and(
    (t.state IN ('tied', 'tied_with_rounding') AND t.invoiced_days = t.days_in_month)
    OR (t.state = 'no_invoice' AND t.billed IS NOT DISTINCT FROM 0)
)
ORDER BY t.month_start
"""
_CLOSE = SQL("UPDATE ops.coverage c SET finality = 'invoiced', changed_at = %(now)s WHERE {of_month}").format(of_month=_OF_MONTH)
# What was answered, less what is stored, less the corrections that are known.
_CORRECT = """
INSERT INTO warehouse.cost_corrections (organization_id, usage_date, project_id, line_item, currency, amount, seen_at)
SELECT %(organization)s, d.usage_date, d.project_id, d.line_item, d.currency, sum(d.amount), %(now)s
FROM (
    SELECT x.usage_date, x.project_id, x.line_item, x.currency, -x.amount AS amount
    FROM warehouse.cost_corrections x
    WHERE x.organization_id = %(organization)s AND x.usage_date = ANY(%(days)s)
    UNION ALL
    SELECT (f.bucket_start AT TIME ZONE 'UTC')::date, g.project_id, g.line_item, g.currency, -f.amount
    FROM warehouse.costs f
    JOIN warehouse.dim_cost_group g ON g.group_id = f.group_id AND g.organization_id = %(organization)s
    WHERE f.bucket_width = 1440 AND f.bucket_start = ANY(%(changed)s)
    {answered}
) d
GROUP BY d.usage_date, d.project_id, d.line_item, d.currency
HAVING sum(d.amount) <> 0
    -- An amount that the vendor leaves out is unknown, and takes nothing back.
    AND count(*) = count(d.amount)
ORDER BY d.usage_date, d.project_id, d.line_item, d.currency
"""
_ANSWERED = """
    UNION ALL
    SELECT (s.bucket_start AT TIME ZONE 'UTC')::date, g.project_id, g.line_item, g.currency, s.amount
    FROM {stage} s
    JOIN warehouse.dim_cost_group g ON g.group_id = s.group_id
    WHERE s.bucket_start = ANY(%(changed)s)
"""
_IS_CLOSED = SQL("SELECT EXISTS (SELECT FROM ops.coverage c WHERE c.finality = 'invoiced' AND {of_month})").format(of_month=_OF_MONTH)
_OF_CORRECTIONS = SQL(
    "x.organization_id = %(organization)s AND x.usage_date >= %(month)s::date AND x.usage_date < %(month)s::date + interval '1 month'"
)
_CORRECTED_DAYS = SQL(
    "SELECT DISTINCT x.usage_date::timestamp AT TIME ZONE 'UTC' FROM warehouse.cost_corrections x WHERE {of_corrections} ORDER BY 1"
).format(of_corrections=_OF_CORRECTIONS)
_ADD_GROUPS = SQL("""
INSERT INTO warehouse.dim_cost_group (organization_id, project_id, line_item, currency)
SELECT DISTINCT x.organization_id, x.project_id, x.line_item, x.currency FROM warehouse.cost_corrections x WHERE {of_corrections}
ON CONFLICT DO NOTHING
""").format(of_corrections=_OF_CORRECTIONS)
_OF_GROUP = SQL(
    "g.organization_id = x.organization_id AND g.project_id IS NOT DISTINCT FROM x.project_id"
    " AND g.line_item IS NOT DISTINCT FROM x.line_item AND g.currency IS NOT DISTINCT FROM x.currency AND g.api_key_id IS NULL"
)
# What an invoice that was issued earlier cannot contain is explained by these revisions.
_LOG = SQL("""
INSERT INTO ops.revisions (
    organization_id, endpoint, bucket_width, bucket_start, group_id, change, was_complete, old_values, new_values, recorded_at
)
SELECT
    %(organization)s, 'costs', 1440, c.bucket_start, c.group_id,
    CASE WHEN c.is_first AND f.group_id IS NULL THEN 'added' ELSE 'changed' END,
    true, jsonb_strip_nulls(jsonb_build_object('amount', CASE WHEN c.is_first THEN f.amount ELSE coalesce(f.amount, 0) + c.before END)),
    jsonb_build_object('amount', coalesce(f.amount, 0) + c.before + c.amount), c.seen_at
FROM (
    SELECT
        x.usage_date::timestamp AT TIME ZONE 'UTC' AS bucket_start, g.group_id, x.amount, x.seen_at, x.correction_id,
        sum(x.amount) OVER of_row - x.amount AS before,
        row_number() OVER of_row = 1 AS is_first
    FROM warehouse.cost_corrections x
    JOIN warehouse.dim_cost_group g ON {of_group}
    WHERE {of_corrections}
    WINDOW of_row AS (PARTITION BY x.usage_date, g.group_id ORDER BY x.seen_at, x.correction_id)
) c
LEFT JOIN warehouse.costs f ON f.bucket_start = c.bucket_start AND f.bucket_width = 1440 AND f.group_id = c.group_id
ORDER BY c.bucket_start, c.group_id, c.seen_at, c.correction_id
""").format(of_group=_OF_GROUP, of_corrections=_OF_CORRECTIONS)
_APPLY = SQL("""
INSERT INTO warehouse.costs (bucket_start, bucket_width, group_id, amount)
SELECT x.usage_date::timestamp AT TIME ZONE 'UTC', 1440, g.group_id, sum(x.amount)
FROM warehouse.cost_corrections x
JOIN warehouse.dim_cost_group g ON {of_group}
WHERE {of_corrections}
GROUP BY x.usage_date, g.group_id
HAVING sum(x.amount) <> 0
ON CONFLICT (bucket_start, bucket_width, group_id) DO UPDATE SET amount = coalesce(costs.amount, 0) + excluded.amount
""").format(of_group=_OF_GROUP, of_corrections=_OF_CORRECTIONS)
_FORGET = SQL("DELETE FROM warehouse.cost_corrections x WHERE {of_corrections}").format(of_corrections=_OF_CORRECTIONS)
# Without a digest the next load compares every row.
_REOPEN = SQL("""
UPDATE ops.coverage c
SET finality = 'settled', content_digest = NULL, changed_at = %(now)s, row_count = (
    SELECT count(*)
    FROM warehouse.costs f
    JOIN warehouse.dim_cost_group g ON g.group_id = f.group_id AND g.organization_id = c.organization_id
    WHERE f.bucket_start = c.bucket_start AND f.bucket_width = c.bucket_width
)
WHERE c.finality = 'invoiced' AND {of_month}
""").format(of_month=_OF_MONTH)


def is_bill(stream: Stream) -> bool:
    """Whether a stream is that of the days that invoices are compared with."""
    return stream.endpoint.name == COSTS.name and stream.width.is_day


def logs_additions(connection: Connection, stream: Stream, organization_id: int, buckets: Sequence[CoveredBucket]) -> bool:
    """Whether rows that are new in `buckets` belong into the log of revisions: some of these days of costs had counted as settled."""
    if not is_bill(stream):
        return False
    parameters = {"organization": organization_id, "starts": [bucket.start for bucket in buckets]}
    return connection.execute(_SETTLED_STARTS, parameters).fetchone() is not None


def without_closed(
    connection: Connection,
    stream: Stream,
    organization_id: int,
    buckets: Sequence[CoveredBucket],
    staged: Callable[[], Composable],
    now: datetime,
) -> list[CoveredBucket]:
    """Leave out the days of closed months, and keep what the answer says of them as corrections.

    `staged` sends the rows of the answer into a temporary table and returns its name. Belongs into the transaction of the load.
    """
    parameters: dict[str, object] = {"organization": organization_id, "starts": [bucket.start for bucket in buckets], "now": now}
    found = connection.execute(_CLOSED_STARTS, parameters).fetchall() if is_bill(stream) else []
    starts = {start for (start,) in found}
    if not starts:
        return list(buckets)
    # Of a day with a row that was set aside nobody knows the amount.
    closed = [bucket for bucket in buckets if bucket.start in starts and not bucket.set_aside]
    changed = [bucket for bucket in closed if not bucket.is_stored]
    parameters |= {
        "changed": [bucket.start for bucket in changed],
        "days": [bucket.start.date() for bucket in closed],
    }
    # A day that was answered as it is stored cancels its corrections.
    answered = SQL(_ANSWERED).format(stage=staged()) if changed else SQL("")
    kept = connection.execute(SQL(_CORRECT).format(answered=answered), parameters).rowcount
    if kept:
        log.warning("%s: %s of closed months, kept as corrections", stream, counted(kept, "restated figure"))
    return [bucket for bucket in buckets if bucket.start not in starts]


def close_tied_months(connection: Connection, organization_id: int, now: datetime) -> list[date]:
    """Mark the days of every month that ties for all its currencies; return the first days of these months.

    The caller holds the lock of the organization's costs, in a transaction.
    """
    parameters = {"organization": organization_id, "now": now}
    waiting = connection.execute(_HAS_OPEN_INVOICE, parameters).fetchone()
    if not (waiting and waiting[0]):
        return []
    months = [month for (month,) in connection.execute(_TIED, parameters).fetchall()]
    for month in months:
        connection.execute(_CLOSE, {**parameters, "month": month})
        log.info("%s ties and is closed: what is restated from now on becomes corrections", f"{month:%Y-%m}")
    return months


def is_closed(connection: Connection, organization_id: int, month: date) -> bool:
    """Whether the month that begins on a day is closed."""
    row = connection.execute(_IS_CLOSED, {"organization": organization_id, "month": month}).fetchone()
    return bool(row and row[0])


def reopen_month(connection: Connection, organization_id: int, month: date, now: datetime) -> int:
    """Put the corrections of a closed month into its rows and the log of revisions; return how many there were.

    Loads replace the rows again. The caller holds the lock of the organization's costs, in a transaction with settings
    `WITHOUT_STATISTICS`.
    """
    parameters = {"organization": organization_id, "now": now, "month": month}
    days = [start for (start,) in connection.execute(_CORRECTED_DAYS, parameters).fetchall()]
    if days:
        connection.execute("SELECT warehouse.ensure_partition('costs', %(month)s::date)", parameters)
    for statement in (_ADD_GROUPS, _LOG, _APPLY):
        connection.execute(statement, parameters)
    corrections = connection.execute(_FORGET, parameters).rowcount
    connection.execute(_REOPEN, parameters)
    replace_sums(connection, COSTS, DAY, organization_id, days)
    return corrections


def lock_costs(connection: Connection, organization_id: int) -> None:
    """Hold off loads of the organization's costs until the caller's transaction ends."""
    connection.execute(
        "SELECT FROM ops.watermarks WHERE organization_id = %s AND endpoint = %s AND bucket_width = %s FOR UPDATE",
        (organization_id, COSTS.name, DAY.minutes),
    )
