-- Budgets
-- The budgets of the current month, quarter or year: how much is used, what is expected, and when it will be passed. Not filtered by dates or project.
SELECT
    b.organization,
    b.budget,
    b.scope_name,
    b.period,
    b.currency,
    b.state,
    b.budget_cost,
    b.spent_cost,
    b.used_share,
    b.expected_cost,
    b.passes_on_date
FROM bi.budget_status b
WHERE b.is_current_period
ORDER BY b.used_share DESC NULLS LAST, b.organization, b.budget
