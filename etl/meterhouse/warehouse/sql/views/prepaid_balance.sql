-- One row per organization and currency with purchases of prepaid credits: what was bought, drawn, lapsed and is left after the newest loaded
-- day, how much is used per day, and how long the rest lasts at that pace. Refreshed by every load of costs and by meterhouse import purchases.
-- Amounts can be added up within one currency; days and dates cannot.
WITH balance AS (
    SELECT
        p.organization,
        p.currency,
        max(p.as_of_date) AS as_of_date,
        -- By the newest loaded day: a later purchase is in none of the three.
        sum(p.drawn + p.lapsed + p.credits_left) AS bought,
        sum(p.drawn) AS drawn,
        sum(p.lapsed) AS lapsed,
        sum(p.credits_left) AS credits_left,
        min(p.bought_date) AS first_bought_date,
        min(p.expiry_date) FILTER (WHERE p.credits_left > 0) AS next_expiry_date
    FROM bi.prepaid_purchases p
    GROUP BY p.organization, p.currency
),

-- The last 28 settled days.
paced AS (
    SELECT d.organization_id, d.usage_date
    FROM (
        SELECT
            c.organization_id,
            (c.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
            row_number() OVER (PARTITION BY c.organization_id ORDER BY c.bucket_start DESC) AS age
        FROM ops.coverage c
        WHERE c.endpoint = 'costs' AND c.bucket_width = 1440 AND c.is_complete
    ) d
    WHERE d.age <= 28
),

pace AS (
    SELECT d.organization_id, b.currency, count(DISTINCT d.usage_date) AS burn_days, coalesce(sum(r.cost), 0) AS cost
    FROM balance b
    JOIN warehouse.dim_organization o ON o.label = b.organization
    JOIN paced d ON d.organization_id = o.organization_id
    LEFT JOIN warehouse.rollup_costs_by_project r
        ON r.organization_id = d.organization_id AND r.usage_date = d.usage_date AND r.currency = b.currency
    GROUP BY d.organization_id, b.currency
),

-- As credits are drawn: a day on which more was given back than billed counts for nothing.
spent AS (
    SELECT d.organization, d.currency, sum(greatest(d.cost, 0)) AS cost
    FROM (
        SELECT b.organization, b.currency, r.usage_date, sum(r.cost) AS cost
        FROM balance b
        JOIN warehouse.dim_organization o ON o.label = b.organization
        JOIN warehouse.rollup_costs_by_project r
            ON r.organization_id = o.organization_id AND r.currency = b.currency AND r.usage_date >= b.first_bought_date
        GROUP BY b.organization, b.currency, r.usage_date
    ) d
    GROUP BY d.organization, d.currency
),

known AS (
    SELECT
        b.*,
        coalesce(s.cost, 0) - b.drawn AS cost_not_covered,
        p.burn_days,
        p.cost / p.burn_days AS burn
    FROM balance b
    JOIN warehouse.dim_organization o ON o.label = b.organization
    LEFT JOIN pace p ON p.organization_id = o.organization_id AND p.currency = b.currency
    LEFT JOIN spent s ON s.organization = b.organization AND s.currency = b.currency
)

SELECT
    k.organization,
    k.currency,
    k.as_of_date,
    k.bought::numeric(28, 12) AS bought,
    k.drawn::numeric(28, 12) AS drawn,
    k.lapsed::numeric(28, 12) AS lapsed,
    k.credits_left::numeric(28, 12) AS credits_left,
    k.cost_not_covered::numeric(28, 12) AS cost_not_covered,
    k.burn::numeric(28, 12) AS burn_per_day,
    k.burn_days::bigint AS burn_days,
    CASE WHEN k.burn > 0 AND k.credits_left / k.burn < 100000 THEN floor(k.credits_left / k.burn) END::bigint AS days_left,
    CASE WHEN k.burn > 0 AND k.credits_left / k.burn < 100000 THEN k.as_of_date + floor(k.credits_left / k.burn)::integer END AS runs_out_date,
    k.next_expiry_date,
    (
        SELECT sum(p.credits_left)
        FROM bi.prepaid_purchases p
        WHERE p.organization = k.organization AND p.currency = k.currency AND p.expiry_date = k.next_expiry_date
    )::numeric(28, 12) AS next_expiry_credits
FROM known k
