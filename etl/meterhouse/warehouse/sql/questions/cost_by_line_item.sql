-- Cost by line item
-- US dollars by line of the invoice, highest first.
SELECT
    coalesce(c.line_item, '(none)')::varchar(255) AS line_item,
    sum(c.cost_usd)::numeric(28, 12) AS cost_usd
FROM bi.costs_daily_by_line_item c
WHERE place.days(c.usage_date) AND place.project(c.project_name, c.project_id)
GROUP BY 1
ORDER BY 2 DESC NULLS LAST, 1
