-- Month to date
-- US dollars billed on the final days of the current month, for the chosen project. Not filtered by dates.
SELECT
    coalesce(sum(m.compared_cost), sum(m.settled_cost))::numeric(28, 12) AS cost_usd
FROM bi.spend_month_to_date m
WHERE m.currency = 'usd' AND m.is_current_month AND place.project(m.project_name, m.project_id)
