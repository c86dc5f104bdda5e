-- Every calendar month of which costs are loaded: how many days it has, how many of them are loaded and settled, and whether the parts of the
-- settled ones are found; the end of a load does that.
SELECT
    m.organization_id,
    m.month_start,
    (m.month_start + interval '1 month')::date - m.month_start AS days_in_month,
    m.loaded_days,
    m.settled_days,
    m.has_parts
FROM (
    SELECT
        d.organization_id,
        d.month_start,
        count(*) AS loaded_days,
        count(*) FILTER (WHERE d.is_complete) AS settled_days,
        -- Below the grouping, so that it is looked up once per month, and not with every user or key of a month.
        NOT EXISTS (
            SELECT FROM warehouse.rollup_cost_allocation r
            WHERE r.organization_id = d.organization_id AND r.month_start = d.month_start AND r.reason IN ('not_settled', 'usage_not_settled')
        ) AS has_parts
    FROM (
        SELECT
            c.organization_id,
            date_trunc('month', c.bucket_start AT TIME ZONE 'UTC')::date AS month_start,
            c.is_complete
        FROM ops.coverage c
        WHERE c.endpoint = 'costs' AND c.bucket_width = 1440
    ) d
    GROUP BY 1, 2
) m
