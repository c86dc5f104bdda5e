-- One row per UTC day, billed line (organization, project, line item, currency), user, API key and model: a part of the billed amount, and how it
-- was found to be theirs. The parts of a line add up to it exactly, so totals per day, project and line item equal those of costs_daily. Refreshed
-- by every load, at its end. cost can be added up within one currency. Open and settling days are unallocated.
SELECT
    a.usage_date,
    o.label::varchar(64) AS organization,
    a.project_id::varchar(128) AS project_id,
    p.project_name::varchar(255) AS project_name,
    a.line_item::varchar(255) AS line_item,
    a.user_id::varchar(128) AS user_id,
    u.user_name::varchar(255) AS user_name,
    u.user_email::varchar(255) AS user_email,
    a.api_key_id::varchar(128) AS api_key_id,
    k.api_key_name::varchar(255) AS api_key_name,
    m.model_name::varchar(255) AS model,
    l.tier::varchar(64) AS tier,
    a.cost::numeric(28, 12) AS cost,
    {currency:a.currency},
    CASE WHEN a.currency = 'usd' THEN a.cost END::numeric(28, 12) AS cost_usd,
    a.method::varchar(32) AS method,
    a.basis::varchar(32) AS basis,
    a.reason::varchar(64) AS reason,
    {figure:a.weight} AS allocation_weight,
    {figure:a.weight_total} AS allocation_weight_total,
    a.quantity_ratio::numeric(12, 6) AS quantity_ratio,
    coalesce(c.is_complete AND coalesce(a.reason, '') NOT IN ('not_settled', 'usage_not_settled'), false) AS is_complete,
    coalesce(c.finality, 'open')::varchar(16) AS finality,
    coalesce(l.category, 'unknown')::varchar(32) AS category
FROM warehouse.cost_allocation a
JOIN warehouse.dim_organization o ON o.organization_id = a.organization_id
LEFT JOIN ops.coverage c
    ON c.organization_id = a.organization_id AND c.endpoint = 'costs' AND c.bucket_width = 1440
    AND c.bucket_start = a.usage_date::timestamp AT TIME ZONE 'UTC'
LEFT JOIN warehouse.current_projects p ON p.organization_id = a.organization_id AND p.project_id = a.project_id
LEFT JOIN warehouse.current_users u ON u.organization_id = a.organization_id AND u.user_id = a.user_id
LEFT JOIN warehouse.current_api_keys k ON k.organization_id = a.organization_id AND k.api_key_id = a.api_key_id
LEFT JOIN warehouse.line_item_names l ON l.line_item = a.line_item
LEFT JOIN warehouse.model_names m ON m.model = a.model
