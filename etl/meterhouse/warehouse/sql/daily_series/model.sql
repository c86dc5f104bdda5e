-- The cost of each model by its canonical name; without a name: tools, storage and the like.
SELECT coalesce(l.model_name, '') AS series_key, NULL::text AS project_id, r.currency, r.usage_date, r.cost, r.rows_without_cost
FROM warehouse.rollup_costs_by_line_item r
LEFT JOIN warehouse.line_item_names l ON l.line_item = r.line_item
WHERE r.organization_id = %(organization_id)s AND r.usage_date >= %(first)s AND r.usage_date <= %(last)s
