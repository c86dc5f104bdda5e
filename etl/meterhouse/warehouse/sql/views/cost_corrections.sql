-- One row per figure of a closed month that the vendor restated after it was closed: a correction of the month in which it was seen. The
-- other views keep the closed figures; with these rows added they show what the vendor reports now. Refreshed by every load of costs.
-- correction can be added up within one currency.
SELECT
    x.usage_date,
    o.label::varchar(64) AS organization,
    x.project_id::varchar(128) AS project_id,
    p.project_name::varchar(255) AS project_name,
    x.line_item::varchar(255) AS line_item,
    x.amount::numeric(28, 12) AS correction,
    {currency:x.currency},
    (x.seen_at AT TIME ZONE 'UTC')::date AS seen_date,
    date_trunc('month', x.seen_at AT TIME ZONE 'UTC')::date AS correction_month_start
FROM warehouse.cost_corrections x
JOIN warehouse.dim_organization o ON o.organization_id = x.organization_id
LEFT JOIN warehouse.current_projects p ON p.organization_id = x.organization_id AND p.project_id = x.project_id
