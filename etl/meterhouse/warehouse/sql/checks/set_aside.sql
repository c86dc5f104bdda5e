-- severity: fail
-- The vendor sent rows that cannot be read, so no figure includes them, and their buckets are not complete.
SELECT format(
    '%%1$s/%%2$s/%%3$s: rows set aside since %%5$s: %%4$s, the first because %%6$s; a later version may accept them: try again with'
    ' meterhouse backfill --from %%7$s --to %%8$s --only %%2$s --bucket-width %%3$s',
    o.label, s.endpoint, CASE s.bucket_width WHEN 1440 THEN '1d' WHEN 60 THEN '1h' ELSE '1m' END,
    count(*), min(s.bucket_start AT TIME ZONE 'UTC')::date,
    (array_agg(s.reason ORDER BY s.bucket_start, s.position))[1],
    min(s.bucket_start AT TIME ZONE 'UTC')::date, max(s.bucket_start AT TIME ZONE 'UTC')::date
)
FROM ops.set_aside s
JOIN warehouse.dim_organization o ON o.organization_id = s.organization_id
GROUP BY o.label, s.endpoint, s.bucket_width
ORDER BY o.label, s.endpoint, s.bucket_width
