-- One row per organization, UTC day, project, line item, API key and currency: costs_daily by key, for tools that model a star.
-- Refreshed by every load of costs. cost can be added up within one currency; quantity within one line item and unit.
SELECT
    c.usage_date,
    ({key:c.organization})::varchar(64) AS organization_key,
    ({key:c.organization, c.project_id})::varchar(255) AS project_key,
    ({key:c.organization, c.api_key_id})::varchar(255) AS api_key_key,
    ({key:c.line_item})::varchar(255) AS line_item_key,
    ({key:c.model})::varchar(255) AS model_key,
    c.cost,
    c.currency,
    c.cost_usd,
    c.quantity,
    c.quantity_unit,
    c.source_grouping,
    c.is_complete,
    c.finality
FROM bi.costs_daily c
