-- severity: fail
-- A stream that the settings load is not loaded as far as METERHOUSE_USAGE_FRESHNESS_HOURS or METERHOUSE_COSTS_FRESHNESS_HOURS ask for.
-- One that has moved on in the last half hour is catching up, which is no finding.
-- The demo organization counts while there is no other: a stack with a key no longer loads it.
SELECT format(
    '%%1$s/%%2$s/%%3$s: loaded until %%4$s UTC, %%5$s hours ago where at most %%6$s are wanted,'
    ' see why its last run failed, or run meterhouse sync --only %%2$s',
    o.label, w.endpoint, CASE w.bucket_width WHEN 1440 THEN '1d' WHEN 60 THEN '1h' ELSE '1m' END,
    to_char(w.watermark AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
    floor(extract(epoch FROM %(now)s::timestamptz - w.watermark) / 3600), t.hours
)
-- Watermarks and not the time of the last load: a backfill of an old year makes nothing fresh.
FROM ops.watermarks w
JOIN warehouse.dim_organization o ON o.organization_id = w.organization_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN w.endpoint = 'costs' THEN %(costs_freshness_hours)s::integer ELSE %(usage_freshness_hours)s::integer END AS hours
) t
LEFT JOIN ops.capabilities r
    ON r.organization_id = w.organization_id AND r.endpoint = w.endpoint AND r.capability = 'endpoint' AND NOT r.is_supported
WHERE r.endpoint IS NULL
AND w.endpoint = ANY(%(endpoints)s::text[]) AND (w.endpoint = 'costs' OR w.bucket_width = ANY(%(widths)s::integer[]))
AND (o.label <> 'demo' OR NOT EXISTS (SELECT FROM warehouse.dim_organization x WHERE x.label <> 'demo'))
AND w.watermark < %(now)s::timestamptz - make_interval(hours => t.hours)
AND NOT EXISTS (
    SELECT FROM ops.load_log l
    JOIN ops.run_log g USING (run_id)
    WHERE l.organization_id = w.organization_id AND l.endpoint = w.endpoint AND l.bucket_width = w.bucket_width
    AND l.loaded_at > %(now)s::timestamptz - interval '30 minutes' AND g.status = 'running' AND g.command = 'sync'
)
ORDER BY o.label, w.endpoint, w.bucket_width
