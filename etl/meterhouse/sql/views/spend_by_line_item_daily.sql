-- One row per organization, UTC day, line item and currency: spend, the day before, and the share of the day.
-- Refreshed by every load of costs. cost can be added up within one currency; shares cannot.
WITH daily AS (
    SELECT
        g.organization_id,
        f.bucket_start,
        g.line_item,
        g.currency,
        sum(f.amount) AS amount
    FROM warehouse.costs f
    JOIN warehouse.dim_cost_group g ON g.group_id = f.group_id
    GROUP BY 1, 2, 3, 4
)

SELECT
    (d.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
    o.label::varchar(64) AS organization,
    d.line_item::varchar(255) AS line_item,
    l.model::varchar(255) AS model,
    d.currency::varchar(3) AS currency,
    d.amount::numeric(28, 12) AS cost,
    CASE WHEN c_before.bucket_start IS NOT NULL THEN coalesce(d_before.amount, 0) END::numeric(28, 12) AS previous_day_cost,
    (d.amount / nullif(sum(d.amount) OVER (PARTITION BY d.organization_id, d.bucket_start, d.currency), 0))::numeric(12, 6) AS share_of_day,
    coalesce(c.is_complete, false) AS is_complete
FROM daily d
JOIN warehouse.dim_organization o ON o.organization_id = d.organization_id
LEFT JOIN warehouse.dim_line_item l ON l.line_item = d.line_item
LEFT JOIN ops.coverage c
    ON c.organization_id = d.organization_id AND c.endpoint = 'costs' AND c.bucket_width = 1440 AND c.bucket_start = d.bucket_start
LEFT JOIN ops.coverage c_before
    ON c_before.organization_id = d.organization_id AND c_before.endpoint = 'costs' AND c_before.bucket_width = 1440
    AND c_before.bucket_start = d.bucket_start - interval '24 hours'
LEFT JOIN daily d_before
    ON d_before.organization_id = d.organization_id
    AND d_before.bucket_start = d.bucket_start - interval '24 hours'
    AND d_before.line_item IS NOT DISTINCT FROM d.line_item
    AND d_before.currency IS NOT DISTINCT FROM d.currency
