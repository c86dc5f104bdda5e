-- severity: warn
-- One of the last 40 days, over for at least two days, has tokens but no cost row at all; moderations are left out, because they are free.
SELECT format(
    '%%1$s on %%2$s: read it again with meterhouse backfill --from %%2$s --to %%2$s --only costs',
    o.label, (c.bucket_start AT TIME ZONE 'UTC')::date
)
FROM ops.coverage c
JOIN warehouse.dim_organization o ON o.organization_id = c.organization_id
WHERE c.endpoint = 'costs' AND c.bucket_width = 1440 AND c.is_complete AND c.row_count = 0
AND c.bucket_start >= date_trunc('day', %(now)s::timestamptz) - interval '40 days'
AND c.bucket_start <= date_trunc('day', %(now)s::timestamptz) - interval '3 days'
AND EXISTS (
    SELECT
    FROM warehouse.usage_named u
    WHERE u.organization = o.label AND u.bucket_width = 1440 AND u.bucket_at = c.bucket_start AND u.endpoint <> 'moderations'
    AND (u.input_tokens > 0 OR u.output_tokens > 0)
)
ORDER BY o.label, c.bucket_start
