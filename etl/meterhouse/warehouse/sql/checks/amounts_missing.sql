-- severity: warn
-- A cost row of the last 40 days has no amount or currency, so no total includes it.
SELECT format(
    '%%1$s on %%2$s: rows: %%3$s, so read them again with meterhouse backfill --from %%2$s --to %%2$s --only costs',
    o.label, (f.bucket_start AT TIME ZONE 'UTC')::date, count(*)
)
FROM warehouse.costs f
JOIN warehouse.dim_cost_group g ON g.group_id = f.group_id
JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id
WHERE f.bucket_start >= date_trunc('day', %(now)s::timestamptz) - interval '40 days'
AND (f.amount IS NULL OR g.currency IS NULL)
GROUP BY o.label, f.bucket_start
ORDER BY o.label, f.bucket_start
