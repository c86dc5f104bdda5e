-- The cost of each project; without a key: cost without a project.
SELECT coalesce(r.project_id, '') AS series_key, r.project_id AS project_id, r.currency, r.usage_date, r.cost, r.rows_without_cost
FROM warehouse.rollup_costs_by_project r
WHERE r.organization_id = %(organization_id)s AND r.usage_date >= %(first)s AND r.usage_date <= %(last)s
