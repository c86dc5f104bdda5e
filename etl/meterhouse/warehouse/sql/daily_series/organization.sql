-- The cost of an organization.
SELECT '' AS series_key, NULL::text AS project_id, r.currency, r.usage_date, r.cost, r.rows_without_cost
FROM warehouse.rollup_costs_by_project r
WHERE r.organization_id = %(organization_id)s AND r.usage_date >= %(first)s AND r.usage_date <= %(last)s
