-- Total cost
-- US dollars billed on the chosen days, for the chosen project. These are the figures that tie to the invoice.
SELECT
    sum(c.cost_usd)::numeric(28, 12) AS cost_usd
FROM bi.costs_daily_by_project c
WHERE place.days(c.usage_date) AND place.project(c.project_name, c.project_id)
