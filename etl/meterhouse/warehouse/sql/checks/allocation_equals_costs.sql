-- severity: fail
-- The parts in cost_allocation_daily of a settled day of the last 40 do not add up exactly to what was billed, in a project, line item and
-- currency. A day that was loaded again and not allocated since is compared after 6 hours.
WITH stale AS MATERIALIZED (
    SELECT s.organization_id, s.usage_date FROM place.stale_days() s
),

allocated AS (
    SELECT c.organization_id, (c.bucket_start AT TIME ZONE 'UTC')::date AS usage_date
    FROM ops.coverage c
    WHERE c.endpoint = 'costs' AND c.bucket_width = 1440 AND c.is_complete
    AND c.bucket_start >= date_trunc('day', %(now)s::timestamptz) - interval '40 days'
    AND (
        NOT EXISTS (
            SELECT FROM stale s WHERE s.organization_id = c.organization_id AND s.usage_date = (c.bucket_start AT TIME ZONE 'UTC')::date
        )
        -- Nothing was ever allocated right after an upgrade.
        OR (
            c.changed_at < %(now)s::timestamptz - interval '6 hours'
            AND EXISTS (
                SELECT FROM ops.allocated_days l
                WHERE l.organization_id = c.organization_id AND l.usage_date >= (c.bucket_start AT TIME ZONE 'UTC')::date
            )
        )
    )
),

amount AS (
    SELECT
        g.organization_id, (f.bucket_start AT TIME ZONE 'UTC')::date AS usage_date, g.project_id, g.line_item, g.currency,
        sum(f.amount::numeric(28, 12)) AS billed, NULL::numeric AS parts, count(*) > count(f.amount) AS billed_is_unknown,
        false AS parts_are_unknown
    FROM warehouse.costs f
    JOIN warehouse.dim_cost_group g ON g.group_id = f.group_id
    WHERE f.bucket_width = 1440 AND f.bucket_start >= date_trunc('day', %(now)s::timestamptz) - interval '40 days'
    GROUP BY 1, 2, 3, 4, 5
    UNION ALL
    SELECT
        p.organization_id, p.usage_date, p.project_id, p.line_item, p.currency, NULL, sum(p.cost), false, count(*) > count(p.cost)
    FROM warehouse.cost_allocation p
    JOIN allocated a ON a.organization_id = p.organization_id AND a.usage_date = p.usage_date
    GROUP BY 1, 2, 3, 4, 5
),

line AS (
    SELECT
        a.organization_id, a.usage_date, a.project_id, a.line_item, a.currency, coalesce(sum(a.billed), 0) AS billed,
        coalesce(sum(a.parts), 0) AS parts, bool_or(a.billed_is_unknown) AS billed_is_unknown, bool_or(a.parts_are_unknown) AS parts_are_unknown
    FROM amount a
    GROUP BY 1, 2, 3, 4, 5
)

SELECT format(
    '%%1$s on %%2$s: lines whose parts are not the bill: %%3$s, in all %%4$s billed and %%5$s allocated, so run meterhouse rebuild-totals',
    o.label, l.usage_date, count(*), trim_scale(sum(l.billed)), trim_scale(sum(l.parts))
)
FROM line l
JOIN allocated a ON a.organization_id = l.organization_id AND a.usage_date = l.usage_date
JOIN warehouse.dim_organization o ON o.organization_id = l.organization_id
WHERE l.billed <> l.parts OR l.billed_is_unknown <> l.parts_are_unknown
GROUP BY o.label, l.usage_date
ORDER BY o.label, l.usage_date
