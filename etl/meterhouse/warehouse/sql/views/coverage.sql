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
        WHEN c.bucket_start IS NULL THEN 'missing'
        WHEN NOT c.is_complete THEN 'provisional'
        WHEN c.row_count = 0 THEN 'empty'
        ELSE 'loaded'
    END::varchar(16) AS status,
    c.row_count::bigint AS row_count,
    coalesce(c.is_complete, false) AS is_complete,
    c.source_grouping::varchar(255) AS source_grouping,
    (c.reported_start AT TIME ZONE 'UTC') AS reported_start_utc,
    (c.reported_end AT TIME ZONE 'UTC') AS reported_end_utc,
    (c.changed_at AT TIME ZONE 'UTC') AS changed_at_utc,
    c.finality::varchar(16) AS finality,
    c.origin::varchar(64) AS origin
FROM (
    SELECT c.organization_id, c.endpoint, c.bucket_width, c.bucket_start
    FROM ops.coverage c
    UNION
    SELECT w.organization_id, w.endpoint, w.bucket_width, g.bucket_start
    FROM ops.watermarks w
    CROSS JOIN LATERAL (
        SELECT max(c.bucket_start) AS bucket_start
        FROM ops.coverage c
        WHERE c.organization_id = w.organization_id AND c.endpoint = w.endpoint AND c.bucket_width = w.bucket_width
    ) last
    CROSS JOIN LATERAL generate_series(w.loaded_from, last.bucket_start, make_interval(mins => w.bucket_width)) AS g (bucket_start)
) b
JOIN warehouse.dim_organization o ON o.organization_id = b.organization_id
LEFT JOIN ops.coverage c
    ON c.organization_id = b.organization_id AND c.endpoint = b.endpoint AND c.bucket_width = b.bucket_width
    AND c.bucket_start = b.bucket_start
