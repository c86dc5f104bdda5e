-- severity: fail
-- A stream in the settings is further behind than METERHOUSE_USAGE_FRESHNESS_HOURS or METERHOUSE_COSTS_FRESHNESS_HOURS allow. A stream that
-- has advanced in the last half hour is catching up, and is not reported.
WITH expected AS (
    SELECT
        o.organization_id, o.label, o.created_at, e.endpoint, b.bucket_width,
        CASE WHEN e.endpoint IN ('costs', 'costs_by_user') THEN %(costs_freshness_hours)s::integer ELSE %(usage_freshness_hours)s::integer END AS hours
    FROM warehouse.dim_organization o
    CROSS JOIN unnest(%(endpoints)s::text[]) AS e (endpoint)
    CROSS JOIN LATERAL unnest(CASE WHEN e.endpoint IN ('costs', 'costs_by_user') THEN ARRAY[1440] ELSE %(widths)s::integer[] END) AS b (bucket_width)
    WHERE o.label = ANY(%(labels)s::text[])
)

SELECT format(
    '%%1$s/%%2$s/%%3$s: %%4$s, %%5$s hours ago (at most %%6$s are allowed):'
    ' see why its last run failed, or run meterhouse sync --only %%2$s',
    x.label, x.endpoint, CASE x.bucket_width WHEN 1440 THEN '1d' WHEN 60 THEN '1h' ELSE '1m' END,
    coalesce('loaded until ' || to_char(w.watermark AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC', 'never loaded, first expected'),
    floor(extract(epoch FROM %(now)s::timestamptz - coalesce(w.watermark, x.created_at)) / 3600), x.hours
)
FROM expected x
-- Watermarks, not the time of the last load: a backfill of an old year makes nothing fresh.
LEFT JOIN ops.watermarks w ON (w.organization_id, w.endpoint, w.bucket_width) = (x.organization_id, x.endpoint, x.bucket_width)
LEFT JOIN ops.capabilities r
    ON r.organization_id = x.organization_id AND r.endpoint = x.endpoint AND r.capability = 'endpoint' AND NOT r.is_supported
WHERE r.endpoint IS NULL
AND coalesce(w.watermark, x.created_at) < %(now)s::timestamptz - make_interval(hours => x.hours)
AND NOT EXISTS (
    SELECT FROM ops.load_log l
    JOIN ops.run_log g USING (run_id)
    WHERE (l.organization_id, l.endpoint, l.bucket_width) = (x.organization_id, x.endpoint, x.bucket_width)
    AND l.loaded_at > %(now)s::timestamptz - interval '30 minutes' AND g.status = 'running' AND g.command = 'sync'
)
UNION ALL
SELECT format('%%s: nothing was ever loaded, see why its first run failed, or run meterhouse sync', n.label)
FROM unnest(%(labels)s::text[]) AS n (label)
WHERE NOT EXISTS (SELECT FROM warehouse.dim_organization o WHERE o.label = n.label)
ORDER BY 1
