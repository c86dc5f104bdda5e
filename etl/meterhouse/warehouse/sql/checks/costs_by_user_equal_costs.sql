-- severity: fail
-- One of the last 40 days, settled in both, has different totals in costs by user and in costs, in a currency: they are the same money, so
-- they should agree to the last digit. As the vendor writes floats, that is the fifteenth digit of the total or the twelfth decimal. Closed
-- months are not compared, because they keep their costs.
WITH settled AS (
    SELECT c.organization_id, c.bucket_start
    FROM ops.coverage c
    JOIN ops.coverage u
        ON u.organization_id = c.organization_id AND u.endpoint = 'costs_by_user' AND u.bucket_width = c.bucket_width
        AND u.bucket_start = c.bucket_start AND u.is_complete
    WHERE c.endpoint = 'costs' AND c.bucket_width = 1440 AND c.is_complete AND c.finality < 'invoiced'
    AND c.bucket_start >= date_trunc('day', %(now)s::timestamptz) - interval '40 days'
),

amount AS (
    SELECT
        g.organization_id, f.bucket_start, g.currency, sum(f.amount) AS billed, NULL::numeric AS by_user,
        count(*) > count(f.amount) AS billed_is_unknown, false AS by_user_is_unknown
    FROM warehouse.costs f
    JOIN warehouse.dim_cost_group g ON g.group_id = f.group_id
    WHERE f.bucket_width = 1440 AND f.bucket_start >= date_trunc('day', %(now)s::timestamptz) - interval '40 days'
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT g.organization_id, f.bucket_start, g.currency, NULL, sum(f.amount), false, count(*) > count(f.amount)
    FROM warehouse.costs_by_user f
    JOIN warehouse.dim_cost_by_user_group g ON g.group_id = f.group_id
    WHERE f.bucket_width = 1440 AND f.bucket_start >= date_trunc('day', %(now)s::timestamptz) - interval '40 days'
    GROUP BY 1, 2, 3
),

total AS (
    SELECT
        a.organization_id, a.bucket_start, a.currency, coalesce(sum(a.billed), 0) AS billed, coalesce(sum(a.by_user), 0) AS by_user,
        bool_or(a.billed_is_unknown) AS billed_is_unknown, bool_or(a.by_user_is_unknown) AS by_user_is_unknown
    FROM amount a
    GROUP BY 1, 2, 3
)

SELECT format(
    '%%1$s on %%2$s: %%3$s, so load them again with meterhouse backfill --from %%2$s --to %%2$s --only costs,costs_by_user',
    o.label, (t.bucket_start AT TIME ZONE 'UTC')::date,
    string_agg(
        format(
            '%%1$s %%2$s%%3$s in costs and %%4$s %%2$s%%5$s by user', trim_scale(t.billed), coalesce(t.currency, 'without currency'),
            CASE WHEN t.billed_is_unknown THEN ' and unknown amounts' END, trim_scale(t.by_user),
            CASE WHEN t.by_user_is_unknown THEN ' and unknown amounts' END
        ),
        ', ' ORDER BY t.currency
    )
)
FROM total t
JOIN settled s ON s.organization_id = t.organization_id AND s.bucket_start = t.bucket_start
JOIN warehouse.dim_organization o ON o.organization_id = t.organization_id
WHERE abs(t.billed - t.by_user) > greatest(abs(t.billed) * 0.000000000000001, 0.000000000001) OR t.billed_is_unknown <> t.by_user_is_unknown
GROUP BY o.label, t.bucket_start
ORDER BY o.label, t.bucket_start
