-- What changed this month, by project
-- Change of US dollars on the final days of the month compared with the same days of the month before. Not filtered by dates or project.
SELECT
    coalesce(c.member_name, c.member_id, '(none)')::varchar(255) AS project,
    sum(c.change_cost)::numeric(28, 12) AS change_cost
FROM bi.cost_changes c
WHERE c.comparison = 'month_to_date' AND c.dimension = 'project' AND c.currency = 'usd' AND c.is_comparable
GROUP BY 1
ORDER BY abs(sum(c.change_cost)) DESC, 1
