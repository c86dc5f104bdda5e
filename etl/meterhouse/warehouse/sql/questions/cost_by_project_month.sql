-- Cost by project, month to date and the same days of the month before
-- US dollars by project on the final days of the latest month that has any, and on the same days of the month before. Not filtered by dates.
SELECT
    coalesce(m.project_name, m.project_id, '(none)')::varchar(255) AS project,
    coalesce(sum(m.compared_cost), sum(m.settled_cost))::numeric(28, 12) AS cost_usd,
    sum(m.previous_compared_cost)::numeric(28, 12) AS previous_compared_cost
FROM bi.spend_month_to_date m
WHERE m.currency = 'usd'
    AND m.month_start = (SELECT max(s.month_start) FROM bi.spend_month_to_date s WHERE s.currency = 'usd' AND s.settled_days > 0)
    AND place.project(m.project_name, m.project_id)
GROUP BY 1
ORDER BY 2 DESC, 1
