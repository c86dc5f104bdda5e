-- severity: fail
-- A bucket between the first scheduled one and the latest one was never loaded. Days are checked over all time, hours and minutes over the
-- last 40 days.
SELECT format(
    '%%1$s/%%2$s/%%3$s: missing buckets: %%4$s, the first at %%5$s UTC, so load them with'
    ' meterhouse backfill --from %%6$s --to %%7$s --only %%2$s --bucket-width %%3$s',
    o.label, w.endpoint, CASE w.bucket_width WHEN 1440 THEN '1d' WHEN 60 THEN '1h' ELSE '1m' END,
    count(*), min(b.bucket_start AT TIME ZONE 'UTC'),
    min(b.bucket_start AT TIME ZONE 'UTC')::date, max(b.bucket_start AT TIME ZONE 'UTC')::date
)
FROM ops.watermarks w
JOIN warehouse.dim_organization o ON o.organization_id = w.organization_id
CROSS JOIN LATERAL (
    SELECT max(c.bucket_start) AS bucket_start
    FROM ops.coverage c
    WHERE c.organization_id = w.organization_id AND c.endpoint = w.endpoint AND c.bucket_width = w.bucket_width
) newest
CROSS JOIN LATERAL generate_series(
    -- greatest ignores null: days have no such bound.
    greatest(w.loaded_from, CASE WHEN w.bucket_width < 1440 THEN date_trunc('day', %(now)s::timestamptz) - interval '40 days' END),
    newest.bucket_start,
    make_interval(mins => w.bucket_width)
) AS b (bucket_start)
LEFT JOIN ops.coverage c
    ON c.organization_id = w.organization_id AND c.endpoint = w.endpoint AND c.bucket_width = w.bucket_width
    AND c.bucket_start = b.bucket_start
WHERE w.loaded_from IS NOT NULL AND c.bucket_start IS NULL
GROUP BY o.label, w.endpoint, w.bucket_width
ORDER BY o.label, w.endpoint, w.bucket_width
