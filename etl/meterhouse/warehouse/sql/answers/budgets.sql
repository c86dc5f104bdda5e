-- The budgets of the current month, quarter or year, or those of the given month: all of them, or those of the chosen projects.
SELECT
    b.period_start,
    b.organization,
    b.budget,
    b.scope_kind,
    b.scope_name,
    b.currency,
    b.period,
    b.period_end_date AS period_end,
    b.budget_cost,
    b.spent_cost,
    b.used_share,
    b.expected_cost,
    b.passes_on_date,
    b.state
FROM budget_status b
WHERE CASE WHEN %(month)s::date IS NULL THEN b.is_current_period ELSE b.period = 'month' AND b.period_start = %(month)s::date END
    AND (%(organizations)s::text [] IS NULL OR b.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR b.scope_kind = 'project' AND b.project_id = ANY (%(projects)s::text []))
ORDER BY b.organization, b.scope_kind <> 'organization', b.budget, b.period
