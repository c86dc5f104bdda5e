-- One row per stream and bucket that was loaded, or that scheduled runs should have loaded: loaded, empty, provisional or missing.
-- Refreshed by every load. Rows can be added up within one width.
SELECT
    (b.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
    (b.bucket_start AT TIME ZONE 'UTC') AS bucket_start_utc,
    b.bucket_start AS bucket_at,
    o.label::varchar(64) AS organization,
    b.endpoint::varchar(64) AS endpoint,
    CASE b.bucket_width WHEN 1440 THEN '1d' WHEN 60 THEN '1h' ELSE '1m' END::varchar(2) AS bucket_width,
    CASE
        WHEN b.is_complete IS NULL THEN 'missing'
        WHEN NOT b.is_complete THEN 'provisional'
        WHEN b.row_count = 0 THEN 'empty'
        ELSE 'loaded'
    END::varchar(16) AS status,
    b.row_count::bigint AS row_count,
    coalesce(b.is_complete, false) AS is_complete,
    b.source_grouping::varchar(255) AS source_grouping,
    (b.reported_start AT TIME ZONE 'UTC') AS reported_start_utc,
    (b.reported_end AT TIME ZONE 'UTC') AS reported_end_utc,
    (b.changed_at AT TIME ZONE 'UTC') AS changed_at_utc,
    b.finality::varchar(16) AS finality,
    b.origin::varchar(64) AS origin
FROM (
    SELECT
        c.organization_id,
        c.endpoint,
        c.bucket_width,
        c.bucket_start,
        c.is_complete,
        c.row_count,
        c.source_grouping,
        c.reported_start,
        c.reported_end,
        c.changed_at,
        c.finality,
        c.origin
    FROM ops.coverage c
    UNION ALL
    -- What is missing is looked for stream by stream, and not among all buckets.
    SELECT w.organization_id, w.endpoint, w.bucket_width, g.bucket_start, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM ops.watermarks w
    CROSS JOIN LATERAL (
        SELECT max(c.bucket_start) AS bucket_start
        FROM ops.coverage c
        WHERE c.organization_id = w.organization_id AND c.endpoint = w.endpoint AND c.bucket_width = w.bucket_width
    ) last
    CROSS JOIN LATERAL (
        SELECT s.bucket_start
        FROM generate_series(w.loaded_from, last.bucket_start, make_interval(mins => w.bucket_width)) AS s (bucket_start)
        EXCEPT
        SELECT c.bucket_start
        FROM ops.coverage c
        WHERE c.organization_id = w.organization_id AND c.endpoint = w.endpoint AND c.bucket_width = w.bucket_width
    ) g
) b
JOIN warehouse.dim_organization o ON o.organization_id = b.organization_id
