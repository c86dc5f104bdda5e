-- severity: fail
-- The hours of one of the last 10 days, complete in both widths, do not add up to its day bucket in a measure that can be added up. A
-- measure that the vendor reported in only one width is not compared.
WITH complete_days AS (
    SELECT o.label AS organization, c.endpoint, (c.bucket_start AT TIME ZONE 'UTC')::date AS usage_date
    FROM ops.coverage c
    JOIN warehouse.dim_organization o ON o.organization_id = c.organization_id
    WHERE c.bucket_width IN (60, 1440) AND c.is_complete AND c.endpoint <> 'costs'
    AND c.bucket_start >= date_trunc('day', %(now)s::timestamptz) - interval '10 days'
    GROUP BY 1, 2, 3
    HAVING count(*) FILTER (WHERE c.bucket_width = 60) = 24 AND count(*) FILTER (WHERE c.bucket_width = 1440) = 1
),

totals AS (
    SELECT u.organization, u.endpoint, u.usage_date, u.bucket_width, jsonb_build_object(place.sums_by_name()) AS sums
    FROM warehouse.usage_named u
    WHERE u.bucket_width IN (60, 1440) AND u.bucket_at >= date_trunc('day', %(now)s::timestamptz) - interval '10 days'
    GROUP BY 1, 2, 3, 4
)

SELECT format(
    '%%1$s/%%2$s on %%3$s: %%4$s, so load them again with'
    ' meterhouse backfill --from %%3$s --to %%3$s --only %%2$s and once more with --bucket-width 1h',
    c.organization, c.endpoint, c.usage_date, unequal.words
)
FROM complete_days c
LEFT JOIN totals h ON (h.organization, h.endpoint, h.usage_date) = (c.organization, c.endpoint, c.usage_date) AND h.bucket_width = 60
LEFT JOIN totals d ON (d.organization, d.endpoint, d.usage_date) = (c.organization, c.endpoint, c.usage_date) AND d.bucket_width = 1440
CROSS JOIN LATERAL (
    SELECT string_agg(
        format('%%s %%s in hours and %%s in the day', name, coalesce(h.sums ->> name, '0'), coalesce(d.sums ->> name, '0')), ', ' ORDER BY name
    ) AS words
    FROM jsonb_object_keys(coalesce(h.sums, d.sums)) AS name
    WHERE coalesce((h.sums ->> name)::numeric, 0) <> coalesce((d.sums ->> name)::numeric, 0)
    AND (h.sums IS NULL OR h.sums ->> name IS NOT NULL) AND (d.sums IS NULL OR d.sums ->> name IS NOT NULL)
) unequal
WHERE unequal.words IS NOT NULL
ORDER BY 1
