-- One row per organization, UTC day, project, line item, API key and currency: costs_daily by key, for tools that model a star.
-- Refreshed by every load of costs. cost can be added up within one currency; quantity within one line item and unit.
SELECT
    (f.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
    g.organization_key,
    g.project_key,
    g.api_key_key,
    g.line_item_key,
    g.model_key,
    f.amount::numeric(28, 12) AS cost,
    {currency:g.currency},
    CASE WHEN g.currency = 'usd' THEN f.amount END::numeric(28, 12) AS cost_usd,
    {figure:f.quantity} AS quantity,
    f.quantity_unit::varchar(64) AS quantity_unit,
    c.source_grouping::varchar(255) AS source_grouping,
    coalesce(c.is_complete, false) AS is_complete,
    coalesce(c.finality, 'open')::varchar(16) AS finality
FROM warehouse.costs f
JOIN (
    -- Keys are made once per combination, and not once per row.
    SELECT
        u.*,
        ({key:u.organization})::varchar(64) AS organization_key,
        ({key:u.organization, u.project_id})::varchar(255) AS project_key,
        ({key:u.organization, u.api_key_id})::varchar(255) AS api_key_key,
        ({key:u.line_item})::varchar(255) AS line_item_key,
        ({key:u.model})::varchar(255) AS model_key
    FROM (
        SELECT
            g.group_id,
            g.organization_id,
            o.label::varchar(64) AS organization,
            g.project_id::varchar(128) AS project_id,
            g.api_key_id::varchar(128) AS api_key_id,
            g.line_item::varchar(255) AS line_item,
            l.model_name::varchar(255) AS model,
            g.currency
        FROM warehouse.dim_cost_group g
        JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id
        LEFT JOIN warehouse.line_item_names l ON l.line_item = g.line_item
    ) u
    OFFSET '0'
) g ON g.group_id = f.group_id
LEFT JOIN ops.coverage c
    ON c.organization_id = g.organization_id AND c.endpoint = 'costs' AND c.bucket_width = f.bucket_width AND c.bucket_start = f.bucket_start
