-- severity: warn
-- A line item of the last 40 days cannot be taken apart: it names no model and is no known feature, or is priced in tokens of no kind.
SELECT format(
    '%%s: %%L since %%s, billed and counted all the same, but without %%s until a newer meterhouse knows it',
    o.label, l.line_item, min(f.bucket_start AT TIME ZONE 'UTC')::date,
    CASE WHEN l.model IS NULL THEN 'model' ELSE 'kind of tokens' END
)
FROM warehouse.costs f
JOIN warehouse.dim_cost_group g ON g.group_id = f.group_id
JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id
JOIN warehouse.dim_line_item l ON l.line_item = g.line_item
WHERE f.bucket_start >= date_trunc('day', %(now)s::timestamptz) - interval '40 days'
AND (
    -- Features that are billed without a model, as the vendor has worded them so far.
    l.model IS NULL AND lower(l.line_item) NOT IN (
        'assistants api | file search', 'code interpreter', 'file search tool calls', 'image models', 'web search tool calls'
    )
    OR l.model IS NOT NULL AND l.direction IS NULL AND f.quantity_unit IN ('tokens', '1000_tokens')
)
GROUP BY o.label, l.line_item, l.model
ORDER BY o.label, l.line_item
