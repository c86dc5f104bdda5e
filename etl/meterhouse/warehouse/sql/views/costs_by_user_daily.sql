-- One row per organization, UTC day, project, user, API key, line item and currency: what the vendor bills by user. The same money as in
-- costs_daily, so never add the two; cost_allocation_daily has every amount once. Empty for an organization whose costs the vendor does not group
-- by user. Refreshed by every load of costs. cost can be added up within one currency.
SELECT
    (f.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
    o.label::varchar(64) AS organization,
    g.project_id::varchar(128) AS project_id,
    p.project_name::varchar(255) AS project_name,
    g.user_id::varchar(128) AS user_id,
    u.user_name::varchar(255) AS user_name,
    u.user_email::varchar(255) AS user_email,
    g.api_key_id::varchar(128) AS api_key_id,
    k.api_key_name::varchar(255) AS api_key_name,
    g.line_item::varchar(255) AS line_item,
    l.model_name::varchar(255) AS model,
    f.amount::numeric(28, 12) AS cost,
    {currency:g.currency},
    CASE WHEN g.currency = 'usd' THEN f.amount END::numeric(28, 12) AS cost_usd,
    {figure:f.quantity} AS quantity,
    f.quantity_unit::varchar(64) AS quantity_unit,
    c.source_grouping::varchar(255) AS source_grouping,
    coalesce(c.is_complete, false) AS is_complete,
    coalesce(c.finality, 'open')::varchar(16) AS finality,
    f.amount::text::varchar(96) AS cost_exact
FROM warehouse.costs_by_user f
JOIN warehouse.dim_cost_by_user_group g ON g.group_id = f.group_id
JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id
LEFT JOIN ops.coverage c
    ON c.organization_id = g.organization_id AND c.endpoint = 'costs_by_user' AND c.bucket_width = f.bucket_width
    AND c.bucket_start = f.bucket_start
LEFT JOIN warehouse.current_projects p ON p.organization_id = g.organization_id AND p.project_id = g.project_id
LEFT JOIN warehouse.current_users u ON u.organization_id = g.organization_id AND u.user_id = g.user_id
LEFT JOIN warehouse.current_api_keys k ON k.organization_id = g.organization_id AND k.api_key_id = g.api_key_id
LEFT JOIN warehouse.line_item_names l ON l.line_item = g.line_item
