-- One row per organization, UTC day, line item and currency: spend, spend on the day before, and the share of the day. A line item
-- without spend on a day has no row for that day. Refreshed by every load of costs. Compare with the day before only where is_comparable
-- is true: a day that is open or settling looks like a drop.
-- cost can be added up within one currency; the day before and shares cannot.
WITH daily AS (
    SELECT
        r.organization_id,
        r.usage_date,
        r.line_item,
        r.currency,
        sum(r.cost) AS amount
    FROM warehouse.rollup_costs_by_line_item r
    GROUP BY 1, 2, 3, 4
),

compared AS (
    SELECT
        d.organization_id,
        d.usage_date,
        d.line_item,
        d.currency,
        d.amount,
        d.usage_date - 1 AS date_before,
        lag(d.usage_date) OVER item AS last_date,
        lag(d.amount) OVER item AS last_amount,
        sum(d.amount) OVER (PARTITION BY d.organization_id, d.usage_date, d.currency) AS day_amount
    FROM daily d
    WINDOW item AS (PARTITION BY d.organization_id, d.line_item, d.currency ORDER BY d.usage_date)
)

SELECT
    d.usage_date,
    o.label::varchar(64) AS organization,
    d.line_item::varchar(255) AS line_item,
    l.model_name::varchar(255) AS model,
    {currency:d.currency},
    d.amount::numeric(28, 12) AS cost,
    CASE
        WHEN c_before.bucket_start IS NULL THEN NULL
        WHEN d.last_date = d.date_before THEN d.last_amount
        ELSE 0
    END::numeric(28, 12) AS previous_day_cost,
    CASE WHEN d.day_amount > 0 AND abs(d.amount) < 1000 * d.day_amount THEN d.amount / d.day_amount END::numeric(12, 6) AS share_of_day,
    coalesce(c.is_complete, false) AS is_complete,
    coalesce(c.finality, 'open')::varchar(16) AS finality,
    coalesce(c.is_complete AND c_before.is_complete, false) AS is_comparable,
    l.tier::varchar(64) AS tier,
    l.context_band::varchar(255) AS context_band,
    l.feature::varchar(255) AS feature,
    coalesce(l.category, 'unknown')::varchar(32) AS category
FROM compared d
JOIN warehouse.dim_organization o ON o.organization_id = d.organization_id
LEFT JOIN warehouse.line_item_names l ON l.line_item = d.line_item
LEFT JOIN ops.coverage c
    ON c.organization_id = d.organization_id AND c.endpoint = 'costs' AND c.bucket_width = 1440
    AND c.bucket_start = d.usage_date::timestamp AT TIME ZONE 'UTC'
LEFT JOIN ops.coverage c_before
    ON c_before.organization_id = d.organization_id AND c_before.endpoint = 'costs' AND c_before.bucket_width = 1440
    AND c_before.bucket_start = d.date_before::timestamp AT TIME ZONE 'UTC'
