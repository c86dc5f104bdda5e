-- The currency that an organization is billed in: that of its newest costs; dollars while nothing was billed.
SELECT DISTINCT ON (o.organization_id)
    o.organization_id,
    coalesce(r.currency, 'usd') AS currency
FROM warehouse.dim_organization o
LEFT JOIN (
    SELECT r.organization_id, r.currency, max(r.usage_date) AS last_date, sum(r.row_count) AS row_count
    FROM warehouse.rollup_costs_by_project r
    WHERE r.currency IS NOT NULL
    GROUP BY r.organization_id, r.currency
) r ON r.organization_id = o.organization_id
ORDER BY o.organization_id, r.last_date DESC NULLS LAST, r.row_count DESC, r.currency
