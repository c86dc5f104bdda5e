-- The sums of one calendar month.
WITH gone AS (
    DELETE FROM warehouse.rollup_cost_allocation r
    WHERE r.organization_id = %(organization_id)s AND r.month_start = %(month_start)s::date
    RETURNING 1
)

INSERT INTO warehouse.rollup_cost_allocation (
    month_start, organization_id, project_id, user_id, api_key_id, model, currency, method, reason, cost, rows_without_cost
)
SELECT
    %(month_start)s::date,
    a.organization_id,
    a.project_id,
    a.user_id,
    a.api_key_id,
    a.model,
    a.currency,
    a.method,
    a.reason,
    sum(a.cost),
    count(*) - count(a.cost)
FROM warehouse.cost_allocation a
WHERE a.organization_id = %(organization_id)s AND a.usage_date >= %(month_start)s::date
    AND a.usage_date < (%(month_start)s::date + interval '1 month')::date AND (SELECT count(*) FROM gone) >= 0
GROUP BY 2, 3, 4, 5, 6, 7, 8, 9
