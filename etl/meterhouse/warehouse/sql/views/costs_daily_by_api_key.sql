-- One row per organization, UTC day, project, API key and currency: the amounts of costs_daily added up in advance, for questions about
-- long ranges. Refreshed by every load of costs. cost can be added up within one currency.
SELECT
    r.usage_date,
    o.label::varchar(64) AS organization,
    r.project_id::varchar(128) AS project_id,
    p.project_name::varchar(255) AS project_name,
    r.api_key_id::varchar(128) AS api_key_id,
    k.api_key_name::varchar(255) AS api_key_name,
    r.cost::numeric(28, 12) AS cost,
    {currency:r.currency},
    CASE WHEN r.currency = 'usd' THEN r.cost END::numeric(28, 12) AS cost_usd,
    coalesce(c.is_complete, false) AS is_complete,
    r.row_count::bigint AS row_count,
    r.rows_without_cost::bigint AS rows_without_cost,
    coalesce(c.finality, 'open')::varchar(16) AS finality
FROM warehouse.rollup_costs_by_api_key r
LEFT JOIN warehouse.dim_organization o ON o.organization_id = r.organization_id
LEFT JOIN ops.coverage c
    ON c.organization_id = r.organization_id AND c.endpoint = 'costs' AND c.bucket_width = 1440
    AND c.bucket_start = r.usage_date::timestamp AT TIME ZONE 'UTC'
LEFT JOIN warehouse.current_projects p ON p.organization_id = r.organization_id AND p.project_id = r.project_id
LEFT JOIN warehouse.current_api_keys k ON k.organization_id = r.organization_id AND k.api_key_id = r.api_key_id
