-- One row per organization, calendar month, user or service account, and currency: billed cost of each, by how it was found to be theirs, the
-- previous month, and the share of the month. Usage of a service account has no user: its rows have service_account_id instead, by the owner of
-- the key. The row with neither is cost that nobody is known to have caused. The rows of a month add up to its bill exactly. Days that are not
-- settled yet are unallocated. Refreshed by every load, at its end. Costs can be added up within one currency.
WITH amount AS (
    SELECT
        r.organization_id,
        r.month_start,
        r.user_id,
        CASE WHEN r.user_id IS NULL AND r.method <> 'unallocated' THEN k.owner_id END AS service_account_id,
        r.currency,
        {allocated_sums:r}
    FROM warehouse.rollup_cost_allocation r
    LEFT JOIN warehouse.dim_api_key k
        ON k.organization_id = r.organization_id AND k.api_key_id = r.api_key_id AND k.valid_to IS NULL AND k.owner_kind = 'service_account'
    GROUP BY 1, 2, 3, 4, 5
),

-- No row of a kind is nothing billed; rows whose amounts are all unknown stay unknown.
month AS (
    SELECT
        a.*,
        sum(a.cost) OVER (PARTITION BY a.organization_id, a.month_start, a.currency) AS all_cost,
        lag(a.month_start) OVER own AS month_before,
        lag(a.cost) OVER own AS cost_before
    FROM amount a
    WINDOW own AS (PARTITION BY a.organization_id, a.currency, a.user_id, a.service_account_id ORDER BY a.month_start)
)

SELECT
    a.month_start,
    o.label::varchar(64) AS organization,
    a.user_id::varchar(128) AS user_id,
    u.user_name::varchar(255) AS user_name,
    u.user_email::varchar(255) AS user_email,
    {currency:a.currency},
    {allocated_figures},
    a.service_account_id::varchar(128) AS service_account_id,
    s.user_name::varchar(255) AS service_account_name
FROM month a
JOIN warehouse.dim_organization o ON o.organization_id = a.organization_id
JOIN warehouse.cost_months c ON c.organization_id = a.organization_id AND c.month_start = a.month_start
LEFT JOIN warehouse.cost_months b
    ON b.organization_id = a.organization_id AND b.month_start = (a.month_start - interval '1 month')::date
LEFT JOIN warehouse.current_users u ON u.organization_id = a.organization_id AND u.user_id = a.user_id
LEFT JOIN warehouse.current_users s ON s.organization_id = a.organization_id AND s.user_id = a.service_account_id
