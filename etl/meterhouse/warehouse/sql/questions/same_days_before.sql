-- Same days of the month before
-- US dollars billed on the same final days of the month before, for the chosen project. Not filtered by dates.
SELECT
    sum(m.previous_compared_cost)::numeric(28, 12) AS previous_compared_cost
FROM bi.spend_month_to_date m
WHERE m.currency = 'usd' AND m.is_current_month AND place.project(m.project_name, m.project_id)
