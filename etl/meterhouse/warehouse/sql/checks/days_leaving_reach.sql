-- severity: warn
-- A day that should be loaded is missing or unfinished, and the vendor stops reporting it within 30 days. The vendor reports 365 days, or
-- as many as it named when it refused an older day.
WITH streams AS (
    SELECT
        w.organization_id, o.label, w.endpoint, w.loaded_from,
        date_trunc('day', %(now)s::timestamptz) - make_interval(
            days => coalesce((h.probed_at AT TIME ZONE 'UTC')::date - substring(h.detail FROM '^begins (\d{4}-\d{2}-\d{2})')::date, 365)
        ) AS reach
    FROM ops.watermarks w
    JOIN warehouse.dim_organization o ON o.organization_id = w.organization_id
    LEFT JOIN ops.capabilities h
        ON h.organization_id = w.organization_id AND h.endpoint = w.endpoint AND h.capability = 'history' AND NOT h.is_supported
    LEFT JOIN ops.capabilities r
        ON r.organization_id = w.organization_id AND r.endpoint = w.endpoint AND r.capability = 'endpoint' AND NOT r.is_supported
    WHERE w.bucket_width = 1440 AND w.watermark IS NOT NULL AND w.endpoint = ANY(%(endpoints)s::text[]) AND r.endpoint IS NULL
    AND o.label = ANY(%(labels)s::text[])
)

SELECT format(
    '%%1$s/%%2$s: missing days: %%3$s, unfinished: %%4$s, days until the first is lost: %%5$s, so load them with'
    ' meterhouse backfill --from %%6$s --to %%7$s --only %%2$s',
    s.label, s.endpoint, count(*) FILTER (WHERE c.bucket_start IS NULL), count(*) FILTER (WHERE c.bucket_start IS NOT NULL),
    1 + extract(day FROM min(d.bucket_start) - s.reach),
    (min(d.bucket_start) AT TIME ZONE 'UTC')::date, (max(d.bucket_start) AT TIME ZONE 'UTC')::date
)
FROM streams s
-- The day before yesterday is the latest one that the schedule has had a whole day to finish.
CROSS JOIN LATERAL generate_series(
    s.reach, least(s.reach + interval '29 days', date_trunc('day', %(now)s::timestamptz) - interval '2 days'), interval '1 day'
) AS d (bucket_start)
LEFT JOIN ops.coverage c
    ON c.organization_id = s.organization_id AND c.endpoint = s.endpoint AND c.bucket_width = 1440 AND c.bucket_start = d.bucket_start
-- Days before the first load are expected from METERHOUSE_HISTORY_START on, or else as far back as the vendor reports.
WHERE NOT coalesce(c.is_complete, false)
AND (c.bucket_start IS NOT NULL OR d.bucket_start >= least(s.loaded_from, coalesce(%(history_start)s::timestamptz, s.reach)))
GROUP BY s.label, s.endpoint, s.reach
ORDER BY s.label, s.endpoint
