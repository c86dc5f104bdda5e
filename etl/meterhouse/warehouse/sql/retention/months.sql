-- One row per fact table and month that has rows or buckets older than the limits, or a partition: what will be dropped, what stays, and its size.
-- Rows are counted from the coverage, which has the number of rows of every bucket.
SELECT
    coalesce(c.endpoint, p.endpoint),
    coalesce(c.month_start, p.month_start),
    coalesce(c.buckets_over, 0),
    coalesce(c.hours_over, 0),
    coalesce(c.minutes_over, 0),
    coalesce(c.rows_kept, 0),
    coalesce(pg_relation_size(p.oid), 0),
    coalesce(pg_total_relation_size(p.oid), 0)
FROM (
    SELECT
        b.endpoint,
        b.month_start,
        count(*) FILTER (WHERE b.is_over) AS buckets_over,
        coalesce(sum(b.row_count) FILTER (WHERE b.is_over AND b.bucket_width = 60), 0)::bigint AS hours_over,
        coalesce(sum(b.row_count) FILTER (WHERE b.is_over AND b.bucket_width = 1), 0)::bigint AS minutes_over,
        coalesce(sum(b.row_count) FILTER (WHERE NOT b.is_over), 0)::bigint AS rows_kept
    FROM (
        SELECT
            endpoint,
            bucket_width,
            row_count,
            (date_trunc('month', bucket_start AT TIME ZONE 'UTC'))::date AS month_start,
            coalesce(
                bucket_start < CASE bucket_width WHEN 60 THEN %(hours_before)s::timestamptz WHEN 1 THEN %(minutes_before)s::timestamptz END,
                false
            ) AS is_over
        FROM ops.coverage
    ) b
    GROUP BY b.endpoint, b.month_start
) c
FULL JOIN (
    SELECT t.endpoint, child.oid, to_date(right(child.relname, 7), 'YYYY_MM') AS month_start
    FROM unnest(%(endpoints)s::text [], %(tables)s::text []) AS t (endpoint, table_name)
    JOIN pg_catalog.pg_class parent ON parent.relname = t.table_name AND parent.relnamespace = 'warehouse'::regnamespace
    JOIN pg_catalog.pg_inherits i ON i.inhparent = parent.oid
    JOIN pg_catalog.pg_class child ON child.oid = i.inhrelid
) p ON p.endpoint = c.endpoint AND p.month_start = c.month_start
WHERE coalesce(c.endpoint, p.endpoint) = ANY(%(endpoints)s::text [])
ORDER BY 1, 2
