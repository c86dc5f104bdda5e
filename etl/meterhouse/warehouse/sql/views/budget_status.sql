-- One row per organization, budget and calendar period: what may be spent, what the settled days cost, what is expected, where the budget stands,
-- and the vendor's own limit, if it is for the same scope, period and currency. Refreshed by every load, at its end, and by meterhouse budgets
-- import. Nothing can be added up: budgets overlap.
WITH vendor AS (
    -- A limit comes before an alert, and of several alerts the lowest.
    SELECT DISTINCT ON (l.organization_id, l.project_id, l.period, l.currency)
        l.organization_id,
        l.project_id,
        l.period,
        l.currency,
        l.amount,
        l.kind,
        l.enforcement
    FROM warehouse.vendor_spend_limits l
    ORDER BY l.organization_id, l.project_id, l.period, l.currency, l.kind DESC, l.amount
)

SELECT
    b.period_start,
    o.label::varchar(64) AS organization,
    b.budget::varchar(255) AS budget,
    b.scope_kind::varchar(16) AS scope_kind,
    b.scope_key::varchar(255) AS scope_key,
    CASE b.scope_kind
        WHEN 'organization' THEN o.label
        WHEN 'project' THEN p.project_name
        WHEN 'team' THEN b.scope_key
        WHEN 'api_key' THEN k.api_key_name
        ELSE u.user_name
    END::varchar(255) AS scope_name,
    CASE WHEN b.scope_kind = 'project' THEN b.scope_key END::varchar(128) AS project_id,
    {currency:b.currency},
    b.period::varchar(16) AS period,
    b.period_end AS period_end_date,
    b.budget_cost::numeric(28, 12) AS budget_cost,
    b.spent_cost::numeric(28, 12) AS spent_cost,
    b.settled_through_date,
    b.used_share::numeric(12, 6) AS used_share,
    b.expected_cost::numeric(28, 12) AS expected_cost,
    b.low_cost::numeric(28, 12) AS low_cost,
    b.high_cost::numeric(28, 12) AS high_cost,
    b.passes_on_date,
    b.state::varchar(32) AS state,
    b.highest_threshold::numeric(12, 6) AS highest_threshold_share,
    b.next_threshold::numeric(12, 6) AS next_threshold_share,
    v.amount::numeric(28, 12) AS vendor_limit_cost,
    v.kind::varchar(16) AS vendor_limit_kind,
    b.is_current AS is_current_period,
    b.unknown_days::bigint AS unknown_days,
    b.reason::varchar(255) AS state_reason,
    v.enforcement::varchar(32) AS vendor_limit_enforcement
FROM warehouse.budget_periods b
JOIN warehouse.dim_organization o ON o.organization_id = b.organization_id
LEFT JOIN warehouse.current_projects p
    ON p.organization_id = b.organization_id AND b.scope_kind = 'project' AND p.project_id = b.scope_key
LEFT JOIN warehouse.current_api_keys k
    ON k.organization_id = b.organization_id AND b.scope_kind = 'api_key' AND k.api_key_id = b.scope_key
LEFT JOIN LATERAL (
    SELECT c.user_name
    FROM warehouse.current_users c
    WHERE c.organization_id = b.organization_id AND b.scope_kind = 'user'
        AND (c.user_id = b.scope_key OR lower(c.user_email) = b.scope_key)
    ORDER BY c.user_id = b.scope_key DESC, c.user_id
    LIMIT 1
) u ON true
LEFT JOIN vendor v
    ON v.organization_id = b.organization_id AND b.scope_kind IN ('organization', 'project')
    AND coalesce(v.project_id, '') = b.scope_key AND v.period = b.period AND v.currency = b.currency
