-- A bucket that was over and whole is settled when a load read it late enough after its end: 24 hours for costs, 6 hours for usage, which
-- are the settings' defaults. Other such buckets are settling; the next load that reads them decides by the settings.
WITH settled AS (
    SELECT
        l.organization_id,
        l.endpoint,
        l.bucket_width,
        range_agg(
            tstzmultirange(tstzrange(l.window_start, least(l.window_end, l.loaded_at - h.settling)))
            - coalesce(m.missing, '{}'::tstzmultirange)
        ) AS spans
    FROM ops.load_log l
    CROSS JOIN LATERAL (
        SELECT CASE WHEN l.endpoint = 'costs' THEN interval '24 hours' ELSE interval '6 hours' END AS settling
    ) h
    CROSS JOIN LATERAL (
        SELECT range_agg(tstzrange(b.bucket_start, b.bucket_start + make_interval(mins => l.bucket_width))) AS missing
        FROM unnest(l.missing_buckets) AS b (bucket_start)
    ) m
    WHERE l.window_start < l.loaded_at - h.settling
    GROUP BY 1, 2, 3
)

UPDATE ops.coverage c
SET
    finality = v.finality,
    is_complete = v.finality = 'settled'
FROM (
    SELECT
        c.organization_id,
        c.endpoint,
        c.bucket_width,
        c.bucket_start,
        CASE
            WHEN NOT c.is_complete THEN 'open'
            WHEN s.spans @> tstzrange(c.bucket_start, c.bucket_start + make_interval(mins => c.bucket_width)) THEN 'settled'
            ELSE 'settling'
        END::warehouse.finality AS finality
    FROM ops.coverage c
    LEFT JOIN settled s ON s.organization_id = c.organization_id AND s.endpoint = c.endpoint AND s.bucket_width = c.bucket_width
) v
WHERE v.organization_id = c.organization_id AND v.endpoint = c.endpoint AND v.bucket_width = c.bucket_width
    AND v.bucket_start = c.bucket_start;
