-- One row per organization, calendar month, API key and currency: billed cost of each key, by how it was found to be theirs, the previous month,
-- and the share of the month. The row without a key is use without one, and cost that nobody is known to have caused. The rows of a month add up
-- to its bill exactly. Days that are not settled yet are unallocated. Refreshed by every load, at its end. Costs can be added up within one
-- currency.
WITH amount AS (
    SELECT
        r.organization_id,
        r.month_start,
        r.api_key_id,
        r.currency,
        {allocated_sums:r}
    FROM warehouse.rollup_cost_allocation r
    GROUP BY 1, 2, 3, 4
),

-- No row of a kind is nothing billed; rows whose amounts are all unknown stay unknown.
month AS (
    SELECT
        a.*,
        sum(a.cost) OVER (PARTITION BY a.organization_id, a.month_start, a.currency) AS all_cost,
        lag(a.month_start) OVER own AS month_before,
        lag(a.cost) OVER own AS cost_before
    FROM amount a
    WINDOW own AS (PARTITION BY a.organization_id, a.currency, a.api_key_id ORDER BY a.month_start)
)

SELECT
    a.month_start,
    o.label::varchar(64) AS organization,
    a.api_key_id::varchar(128) AS api_key_id,
    k.api_key_name::varchar(255) AS api_key_name,
    k.owner_id::varchar(128) AS owner_id,
    k.owner_name::varchar(255) AS owner_name,
    k.owner_kind::varchar(64) AS owner_kind,
    {currency:a.currency},
    {allocated_figures}
FROM month a
JOIN warehouse.dim_organization o ON o.organization_id = a.organization_id
JOIN warehouse.cost_months c ON c.organization_id = a.organization_id AND c.month_start = a.month_start
LEFT JOIN warehouse.cost_months b
    ON b.organization_id = a.organization_id AND b.month_start = (a.month_start - interval '1 month')::date
LEFT JOIN warehouse.dim_api_key k
    ON k.organization_id = a.organization_id AND k.api_key_id = a.api_key_id AND k.valid_to IS NULL
