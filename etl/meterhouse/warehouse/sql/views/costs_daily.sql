-- One row per organization, UTC day, project, line item, API key and currency: what was billed. These figures tie to the invoice.
-- Refreshed by every load of costs. cost can be added up within one currency; quantity within one line item and unit.
SELECT
    (f.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
    o.label::varchar(64) AS organization,
    g.project_id::varchar(128) AS project_id,
    p.project_name::varchar(255) AS project_name,
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
    l.surface::varchar(255) AS surface,
    l.modality::varchar(64) AS modality,
    l.direction::varchar(64) AS direction,
    f.amount::text::varchar(96) AS cost_exact,
    coalesce(c.finality, 'open')::varchar(16) AS finality,
    l.tier::varchar(64) AS tier,
    l.context_band::varchar(255) AS context_band,
    l.feature::varchar(255) AS feature,
    coalesce(l.category, 'unknown')::varchar(32) AS category,
    f.quantity::text::varchar(96) AS quantity_reported,
    g.currency::varchar(64) AS currency_reported,
    c.origin::varchar(64) AS origin
FROM warehouse.costs f
JOIN warehouse.dim_cost_group g ON g.group_id = f.group_id
JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id
LEFT JOIN ops.coverage c
    ON c.organization_id = g.organization_id AND c.endpoint = 'costs' AND c.bucket_width = f.bucket_width AND c.bucket_start = f.bucket_start
LEFT JOIN warehouse.dim_project p
    ON p.organization_id = g.organization_id AND p.project_id = g.project_id AND p.valid_to IS NULL
LEFT JOIN warehouse.dim_api_key k
    ON k.organization_id = g.organization_id AND k.api_key_id = g.api_key_id AND k.valid_to IS NULL
LEFT JOIN warehouse.line_item_names l ON l.line_item = g.line_item
