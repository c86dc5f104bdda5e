SELECT
    c.usage_date,
    c.organization AS organization_key,
    (c.organization || '/' || coalesce(c.project_id, '(none)'))::varchar(255) AS project_key,
    (c.organization || '/' || coalesce(c.api_key_id, '(none)'))::varchar(255) AS api_key_key,
    coalesce(c.line_item, '(none)')::varchar(255) AS line_item_key,
    coalesce(c.model, '(none)')::varchar(255) AS model_key,
    c.cost,
    c.currency,
    c.cost_usd,
    c.quantity,
    c.quantity_unit,
    c.source_grouping,
    c.is_complete
FROM bi.costs_daily c
