-- Cost by project, this month and the month before
-- US dollars of the newest month with costs and of the month before it, by project. The newest month is mostly not over. Dates do not change it.
SELECT
    coalesce(m.project_name, m.project_id, '(none)')::varchar(255) AS project,
    coalesce(sum(m.cost) FILTER (WHERE m.month_start = n.month_start), 0)::numeric(28, 12) AS cost_usd,
    coalesce(sum(m.cost) FILTER (WHERE m.month_start < n.month_start), 0)::numeric(28, 12) AS previous_month_cost
FROM bi.spend_by_project_month m
JOIN (SELECT max(s.month_start) AS month_start FROM bi.spend_by_project_month s WHERE s.currency = 'usd') n
    ON m.month_start BETWEEN (n.month_start - interval '1 month') AND n.month_start
WHERE m.currency = 'usd' AND {project m.project_name, m.project_id}
GROUP BY 1
ORDER BY 2 DESC, 1
