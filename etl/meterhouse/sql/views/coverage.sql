-- One row per stream and bucket, from the first one loaded to the watermark: loaded, empty, provisional or missing.
-- Refreshed by every load.
SELECT
    (b.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
    (b.bucket_start AT TIME ZONE 'UTC') AS bucket_start_utc,
    b.bucket_start AS bucket_at,
    o.label::varchar(64) AS organization,
    s.endpoint::varchar(64) AS endpoint,
    CASE s.bucket_width WHEN 1440 THEN '1d' WHEN 60 THEN '1h' ELSE '1m' END::varchar(2) AS bucket_width,
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
    (c.changed_at AT TIME ZONE 'UTC') AS changed_at_utc
FROM (
    SELECT
        w.organization_id,
        w.endpoint,
        w.bucket_width,
        min(c.bucket_start) AS first_start,
        greatest(max(c.bucket_start), w.watermark - make_interval(mins => w.bucket_width)) AS last_start
    FROM ops.watermarks w
    JOIN ops.coverage c USING (organization_id, endpoint, bucket_width)
    GROUP BY w.organization_id, w.endpoint, w.bucket_width, w.watermark
) s
CROSS JOIN LATERAL generate_series(s.first_start, s.last_start, make_interval(mins => s.bucket_width), 'UTC') AS b (bucket_start)
JOIN warehouse.dim_organization o ON o.organization_id = s.organization_id
LEFT JOIN ops.coverage c
    ON c.organization_id = s.organization_id AND c.endpoint = s.endpoint AND c.bucket_width = s.bucket_width
    AND c.bucket_start = b.bucket_start
