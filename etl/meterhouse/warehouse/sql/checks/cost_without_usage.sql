-- severity: warn
-- One of the last 40 days, over for at least two days, has amounts for tokens of a model, but no usage row of any endpoint. Fine-tuned
-- models, surfaces such as evals, and images are left out: the vendor bills those without reporting usage.
WITH billed AS (
    SELECT g.organization_id, f.bucket_start, count(*) AS row_count, min(g.line_item) AS line_item
    FROM warehouse.costs f
    JOIN warehouse.dim_cost_group g ON g.group_id = f.group_id
    JOIN warehouse.dim_line_item l ON l.line_item = g.line_item
    WHERE f.bucket_start >= date_trunc('day', %(now)s::timestamptz) - interval '40 days'
    AND f.bucket_start <= date_trunc('day', %(now)s::timestamptz) - interval '3 days'
    AND f.amount <> 0
    AND l.direction IS NOT NULL AND l.surface IS NULL AND coalesce(l.modality, '') <> 'image'
    AND l.model NOT LIKE 'ft-%%' AND l.model NOT LIKE '%%image%%'
    AND coalesce(f.quantity_unit, 'tokens') IN ('tokens', '1000_tokens')
    GROUP BY g.organization_id, f.bucket_start
),

used AS (
    SELECT DISTINCT u.organization, u.bucket_at
    FROM warehouse.usage_named u
    WHERE u.bucket_width = 1440 AND u.bucket_at >= date_trunc('day', %(now)s::timestamptz) - interval '40 days'
)

SELECT format(
    '%%1$s on %%2$s: amounts: %%3$s, such as %%4$L, so compare again after meterhouse backfill --from %%2$s --to %%2$s',
    o.label, (b.bucket_start AT TIME ZONE 'UTC')::date, b.row_count, b.line_item
)
FROM billed b
JOIN warehouse.dim_organization o ON o.organization_id = b.organization_id
WHERE NOT EXISTS (SELECT FROM used u WHERE u.organization = o.label AND u.bucket_at = b.bucket_start)
-- If usage is not loaded, its absence means nothing.
AND 2 = (
    SELECT count(*)
    FROM ops.coverage c
    WHERE c.organization_id = b.organization_id AND c.endpoint IN ('completions', 'costs') AND c.bucket_width = 1440
    AND c.bucket_start = b.bucket_start AND c.is_complete
)
ORDER BY o.label, b.bucket_start
