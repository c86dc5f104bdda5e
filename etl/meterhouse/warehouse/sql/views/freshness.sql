-- One row per stream: how far it is loaded, when it was last loaded, and what is empty, provisional or missing in it.
-- Includes streams that the organization does not offer, and reports what it refuses to group by. Refreshed by every load.
-- Rows and buckets can be added up over streams of the same width.
SELECT
    o.label::varchar(64) AS organization,
    s.endpoint::varchar(64) AS endpoint,
    CASE s.bucket_width WHEN 1440 THEN '1d' WHEN 60 THEN '1h' WHEN 1 THEN '1m' END::varchar(2) AS bucket_width,
    CASE WHEN r.endpoint IS NOT NULL THEN 'not offered' ELSE 'loaded' END::varchar(16) AS status,
    (w.watermark AT TIME ZONE 'UTC') AS loaded_until_utc,
    (w.updated_at AT TIME ZONE 'UTC') AS last_loaded_at_utc,
    (v.first_start AT TIME ZONE 'UTC') AS first_bucket_utc,
    (v.last_start AT TIME ZONE 'UTC') AS last_bucket_utc,
    v.bucket_count,
    v.empty_bucket_count,
    v.provisional_bucket_count,
    v.missing_bucket_count,
    v.row_count,
    coalesce(r.detail, n.detail)::varchar(1000) AS detail,
    v.settled_through_date,
    v.settled_bucket_count
FROM (
    SELECT w.organization_id, w.endpoint, w.bucket_width FROM ops.watermarks w
    UNION
    SELECT c.organization_id, c.endpoint, NULL
    FROM ops.capabilities c
    WHERE c.capability = 'endpoint' AND NOT c.is_supported
    AND NOT EXISTS (SELECT FROM ops.watermarks w WHERE w.organization_id = c.organization_id AND w.endpoint = c.endpoint)
) s
JOIN warehouse.dim_organization o ON o.organization_id = s.organization_id
LEFT JOIN ops.watermarks w
    ON w.organization_id = s.organization_id AND w.endpoint = s.endpoint AND w.bucket_width = s.bucket_width
LEFT JOIN ops.capabilities r
    ON r.organization_id = s.organization_id AND r.endpoint = s.endpoint AND r.capability = 'endpoint' AND NOT r.is_supported
LEFT JOIN (
    SELECT
        c.organization_id,
        c.endpoint,
        string_agg(
            CASE c.capability WHEN 'history' THEN 'history ' || split_part(c.detail, ':', 1) ELSE 'not grouped by ' || substring(c.capability FROM 10) END,
            ', ' ORDER BY c.capability
        ) AS detail
    FROM ops.capabilities c
    WHERE c.capability <> 'endpoint' AND NOT c.is_supported
    GROUP BY c.organization_id, c.endpoint
) n ON n.organization_id = s.organization_id AND n.endpoint = s.endpoint
LEFT JOIN (
    SELECT
        c.organization_id,
        c.endpoint,
        c.bucket_width,
        least(min(c.bucket_start), l.loaded_from) AS first_start,
        max(c.bucket_start) AS last_start,
        count(*) AS bucket_count,
        count(*) FILTER (WHERE c.is_complete AND c.row_count = 0) AS empty_bucket_count,
        count(*) FILTER (WHERE NOT c.is_complete) AS provisional_bucket_count,
        -- Expected buckets minus existing ones: buckets are aligned and have one width.
        greatest(
            extract(epoch FROM max(c.bucket_start) - l.loaded_from)::bigint / 60 / c.bucket_width + 1
            - count(*) FILTER (WHERE c.bucket_start >= l.loaded_from),
            0
        ) AS missing_bucket_count,
        sum(c.row_count)::bigint AS row_count,
        -- For hours: the last day whose last hour is settled.
        ((max(c.bucket_start) FILTER (WHERE c.is_complete) + make_interval(mins => c.bucket_width)) AT TIME ZONE 'UTC')::date - 1
        AS settled_through_date,
        count(*) FILTER (WHERE c.is_complete) AS settled_bucket_count
    FROM ops.coverage c
    LEFT JOIN ops.watermarks l
        ON l.organization_id = c.organization_id AND l.endpoint = c.endpoint AND l.bucket_width = c.bucket_width
    GROUP BY c.organization_id, c.endpoint, c.bucket_width, l.loaded_from
) v
    ON v.organization_id = s.organization_id AND v.endpoint = s.endpoint AND v.bucket_width = s.bucket_width
