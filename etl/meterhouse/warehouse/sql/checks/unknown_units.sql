-- severity: warn
-- A billed quantity of the last 40 days has a unit that this version does not know.
SELECT format(
    '%%s: %%L in %%L since %%s, not to be added to quantities in other units',
    o.label, g.line_item, f.quantity_unit, min(f.bucket_start AT TIME ZONE 'UTC')::date
)
FROM warehouse.costs f
JOIN warehouse.dim_cost_group g ON g.group_id = f.group_id
JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id
WHERE f.bucket_start >= date_trunc('day', %(now)s::timestamptz) - interval '40 days'
AND f.quantity_unit NOT IN (
    'tokens', '1000_tokens', 'duration_seconds', 'duration_minutes', 'duration_hours', 'gibibyte_hours', 'images', 'characters'
)
GROUP BY o.label, g.line_item, f.quantity_unit
ORDER BY o.label, g.line_item, f.quantity_unit
