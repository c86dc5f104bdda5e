-- Cost per day
-- US dollars billed on each UTC day. A day that is not complete may still grow.
SELECT
    c.usage_date,
    sum(c.cost_usd)::numeric(28, 12) AS cost_usd,
    bool_and(c.is_complete) AS is_complete
FROM bi.costs_daily_by_project c
WHERE place.days(c.usage_date) AND place.project(c.project_name, c.project_id)
GROUP BY c.usage_date
ORDER BY c.usage_date
