-- One row per organization, UTC day, project and currency, without gaps from the first to the last loaded day of costs: for line charts.
-- 0 means that the day was loaded and nothing was billed; null means that the day was not loaded. Totals equal those of costs_daily.
-- Refreshed by every load of costs. cost can be added up within one currency.
WITH span AS (
    SELECT
        c.organization_id,
        min(c.bucket_start) AS first_start,
        max(c.bucket_start) AS last_start
    FROM ops.coverage c
    WHERE c.endpoint = 'costs' AND c.bucket_width = 1440
    GROUP BY c.organization_id
),

member AS (
    SELECT DISTINCT g.organization_id, g.project_id, g.currency
    FROM warehouse.dim_cost_group g
),

daily AS (
    SELECT
        r.organization_id,
        r.usage_date,
        coalesce(r.project_id, '') AS project_id,
        coalesce(r.currency, '') AS currency,
        sum(r.cost) AS amount
    FROM warehouse.rollup_costs_by_project r
    GROUP BY 1, 2, 3, 4
)

SELECT
    (day.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
    o.label::varchar(64) AS organization,
    m.project_id::varchar(128) AS project_id,
    p.project_name::varchar(255) AS project_name,
    v.amount::numeric(28, 12) AS cost,
    {currency:m.currency},
    CASE WHEN m.currency = 'usd' THEN v.amount END::numeric(28, 12) AS cost_usd,
    coalesce(c.is_complete, false) AS is_complete,
    c.finality::varchar(16) AS finality
FROM span s
JOIN member m ON m.organization_id = s.organization_id
JOIN warehouse.dim_organization o ON o.organization_id = s.organization_id
CROSS JOIN LATERAL generate_series(s.first_start, s.last_start, interval '24 hours') AS day (bucket_start)
LEFT JOIN ops.coverage c
    ON c.organization_id = s.organization_id AND c.endpoint = 'costs' AND c.bucket_width = 1440 AND c.bucket_start = day.bucket_start
LEFT JOIN daily d
    ON d.organization_id = s.organization_id AND d.usage_date = (day.bucket_start AT TIME ZONE 'UTC')::date
    AND d.project_id = coalesce(m.project_id, '')
    AND d.currency = coalesce(m.currency, '')
CROSS JOIN LATERAL (
    SELECT CASE WHEN d.usage_date IS NOT NULL THEN d.amount WHEN c.bucket_start IS NOT NULL THEN 0 END AS amount
) v
LEFT JOIN warehouse.dim_project p
    ON p.organization_id = s.organization_id AND p.project_id = m.project_id AND p.valid_to IS NULL
