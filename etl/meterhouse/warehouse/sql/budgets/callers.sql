-- What each of the wanted API keys and users cost on every settled day from the first to the last wanted one, as the bill is allocated to them,
-- and how many of the amounts the vendor left out.
WITH wanted AS (
    SELECT b.budget_id, b.scope_kind, b.scope_key, b.currency, b.organization_id
    FROM warehouse.budgets b
    WHERE b.organization_id = %(organization_id)s AND b.budget_id = ANY(%(budget_ids)s) AND b.scope_kind IN ('api_key', 'user')
),

-- An e-mail address is the newest one of each of perhaps several identifiers.
caller AS (
    SELECT w.budget_id, w.currency, w.scope_kind, w.scope_key AS caller_id
    FROM wanted w
    UNION
    SELECT w.budget_id, w.currency, w.scope_kind, u.user_id
    FROM wanted w
    JOIN warehouse.current_users u ON u.organization_id = w.organization_id AND lower(u.user_email) = w.scope_key
    WHERE w.scope_kind = 'user'
)

SELECT c.budget_id, a.usage_date, sum(a.cost) AS cost, count(*) FILTER (WHERE a.cost IS NULL) AS rows_without_cost
FROM caller c
JOIN warehouse.cost_allocation a
    ON a.currency = c.currency AND c.caller_id = CASE c.scope_kind WHEN 'user' THEN a.user_id ELSE a.api_key_id END
WHERE a.organization_id = %(organization_id)s AND a.usage_date BETWEEN %(first)s AND %(last)s
GROUP BY 1, 2
