-- One row per organization, calendar month, project and currency: spend, the month before, and the share of the month.
-- Refreshed by every load of costs. cost can be added up within one currency; shares cannot.
WITH monthly AS (
    SELECT
        g.organization_id,
        date_trunc('month', f.bucket_start AT TIME ZONE 'UTC')::date AS month_start,
        g.project_id,
        g.currency,
        sum(f.amount) AS amount
    FROM warehouse.costs f
    JOIN warehouse.dim_cost_group g ON g.group_id = f.group_id
    GROUP BY 1, 2, 3, 4
),

loaded AS (
    SELECT
        c.organization_id,
        date_trunc('month', c.bucket_start AT TIME ZONE 'UTC')::date AS month_start,
        bool_and(c.is_complete)
        AND count(*) = extract(day FROM date_trunc('month', min(c.bucket_start) AT TIME ZONE 'UTC') + interval '1 month - 1 day')
            AS is_complete
    FROM ops.coverage c
    WHERE c.endpoint = 'costs'
    GROUP BY 1, 2
)

SELECT
    m.month_start,
    o.label::varchar(64) AS organization,
    m.project_id::varchar(128) AS project_id,
    p.project_name::varchar(255) AS project_name,
    m.currency::varchar(3) AS currency,
    m.amount::numeric(28, 12) AS cost,
    CASE WHEN l_before.month_start IS NOT NULL THEN coalesce(m_before.amount, 0) END::numeric(28, 12) AS previous_month_cost,
    (m.amount / nullif(sum(m.amount) OVER (PARTITION BY m.organization_id, m.month_start, m.currency), 0))::numeric(12, 6) AS share_of_month,
    l.is_complete
FROM monthly m
JOIN warehouse.dim_organization o ON o.organization_id = m.organization_id
LEFT JOIN loaded l ON l.organization_id = m.organization_id AND l.month_start = m.month_start
LEFT JOIN loaded l_before
    ON l_before.organization_id = m.organization_id AND l_before.month_start = (m.month_start - interval '1 month')::date
LEFT JOIN monthly m_before
    ON m_before.organization_id = m.organization_id
    AND m_before.month_start = (m.month_start - interval '1 month')::date
    AND m_before.project_id IS NOT DISTINCT FROM m.project_id
    AND m_before.currency IS NOT DISTINCT FROM m.currency
LEFT JOIN warehouse.dim_project p
    ON p.organization_id = m.organization_id AND p.project_id = m.project_id AND p.valid_to IS NULL
