-- The status of the budgets in the period that is going on, and in one that ended within the last ten days: its last days settle after its end.
SELECT
    b.organization_id,
    o.label,
    b.budget,
    b.scope_kind,
    b.scope_key,
    coalesce(p.project_name, k.api_key_name) AS scope_name,
    b.currency,
    b.period,
    b.period_start,
    b.budget_cost,
    b.thresholds,
    b.spent_cost,
    b.settled_through_date,
    b.expected_cost,
    b.passes_on_date,
    b.state
FROM warehouse.budget_periods b
JOIN warehouse.dim_organization o ON o.organization_id = b.organization_id
LEFT JOIN warehouse.current_projects p
    ON p.organization_id = b.organization_id AND b.scope_kind = 'project' AND p.project_id = b.scope_key
LEFT JOIN warehouse.current_api_keys k
    ON k.organization_id = b.organization_id AND b.scope_kind = 'api_key' AND k.api_key_id = b.scope_key
WHERE b.is_current OR b.period_end >= (
    SELECT max((c.bucket_start AT TIME ZONE 'UTC')::date) - 10
    FROM ops.coverage c
    WHERE c.organization_id = b.organization_id AND c.endpoint = 'costs' AND c.bucket_width = 1440
)
ORDER BY o.label, b.budget, b.period_start
