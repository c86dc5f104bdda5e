-- severity: warn
-- A line item of the last 40 days cannot be parsed: it names no model and no known feature, or is priced in tokens of an unknown kind.
SELECT format(
    '%%s: %%L since %%s, billed and counted all the same, but without %%s until a newer meterhouse knows it',
    o.label, l.line_item, min(f.bucket_start AT TIME ZONE 'UTC')::date,
    CASE WHEN l.model IS NULL THEN 'model' WHEN l.is_parsed THEN 'kind of tokens' ELSE 'what of the model was billed' END
)
FROM warehouse.costs f
JOIN warehouse.dim_cost_group g ON g.group_id = f.group_id
JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id
JOIN warehouse.dim_line_item l ON l.line_item = g.line_item
WHERE f.bucket_start >= date_trunc('day', %(now)s::timestamptz) - interval '40 days'
AND (
    l.is_parsed IS NOT TRUE
    OR l.model IS NULL AND l.feature IS NULL
    OR l.model IS NOT NULL AND l.direction IS NULL AND f.quantity_unit IN ('tokens', '1000_tokens')
)
GROUP BY o.label, l.line_item, l.model, l.is_parsed
ORDER BY o.label, l.line_item
