-- The cost of each API key of each project; without a key: cost without one.
SELECT coalesce(r.api_key_id, '') AS series_key, r.project_id AS project_id, r.currency, r.usage_date, r.cost, r.rows_without_cost
FROM warehouse.rollup_costs_by_api_key r
WHERE r.organization_id = %(organization_id)s AND r.usage_date >= %(first)s AND r.usage_date <= %(last)s
