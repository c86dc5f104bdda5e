-- One row per organization, UTC day, line item and currency: spend, spend on the day before, and the share of the day. A line item
-- without spend on a day has no row for that day. Refreshed by every load of costs. Compare with the day before only where is_comparable
-- is true: a day that is open or settling looks like a drop.
-- cost can be added up within one currency; the day before and shares cannot.
SELECT
    d.usage_date,
    o.label::varchar(64) AS organization,
    d.line_item::varchar(255) AS line_item,
    l.model_name::varchar(255) AS model,
    {currency:d.currency},
    d.amount::numeric(28, 12) AS cost,
    CASE
        WHEN c_before.bucket_start IS NULL THEN NULL
        WHEN b.next_date IS NOT NULL THEN b.amount
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
FROM (
    -- Nothing here looks at another day, so that a range of days is added up without the others.
    SELECT
        r.organization_id,
        r.usage_date,
        r.line_item,
        r.currency,
        sum(r.cost) AS amount,
        sum(sum(r.cost)) OVER (PARTITION BY r.organization_id, r.usage_date, r.currency) AS day_amount
    FROM warehouse.rollup_costs_by_line_item r
    GROUP BY r.organization_id, r.usage_date, r.line_item, r.currency
) d
LEFT JOIN warehouse.dim_organization o ON o.organization_id = d.organization_id
LEFT JOIN warehouse.line_item_names l ON l.line_item = d.line_item
LEFT JOIN (
    -- The day before. No column of the key is null, which proves to the planner that it finds one row: who does not ask for it does not pay.
    SELECT
        r.organization_id,
        r.usage_date + 1 AS next_date,
        coalesce(r.line_item, '') AS line_item,
        r.line_item IS NULL AS is_without_line_item,
        coalesce(r.currency, '') AS currency,
        r.currency IS NULL AS is_without_currency,
        sum(r.cost) AS amount
    FROM warehouse.rollup_costs_by_line_item r
    GROUP BY 1, 2, 3, 4, 5, 6
) b
    ON b.organization_id = d.organization_id AND b.next_date = d.usage_date
    AND b.line_item = coalesce(d.line_item, '') AND b.is_without_line_item = (d.line_item IS NULL)
    AND b.currency = coalesce(d.currency, '') AND b.is_without_currency = (d.currency IS NULL)
LEFT JOIN ops.coverage c
    ON c.organization_id = d.organization_id AND c.endpoint = 'costs' AND c.bucket_width = 1440
    AND c.bucket_start = d.usage_date::timestamp AT TIME ZONE 'UTC'
LEFT JOIN ops.coverage c_before
    ON c_before.organization_id = d.organization_id AND c_before.endpoint = 'costs' AND c_before.bucket_width = 1440
    AND c_before.bucket_start = (d.usage_date - 1)::timestamp AT TIME ZONE 'UTC'
