-- One row per organization, calendar month, project and currency: spend, the month before, and the share of the month. A project without spend
-- in a month has no row in it. Refreshed by every load of costs. cost can be added up within one currency; the month before and shares cannot.
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

compared AS (
    SELECT
        m.organization_id,
        m.month_start,
        m.project_id,
        m.currency,
        m.amount,
        (m.month_start - interval '1 month')::date AS month_before,
        lag(m.month_start) OVER project AS last_month,
        lag(m.amount) OVER project AS last_amount,
        sum(m.amount) OVER (PARTITION BY m.organization_id, m.month_start, m.currency) AS month_amount
    FROM monthly m
    WINDOW project AS (PARTITION BY m.organization_id, m.project_id, m.currency ORDER BY m.month_start)
),

loaded AS (
    SELECT
        c.organization_id,
        date_trunc('month', c.bucket_start AT TIME ZONE 'UTC')::date AS month_start,
        bool_and(c.is_complete) AS is_over,
        count(*) = extract(day FROM date_trunc('month', min(c.bucket_start) AT TIME ZONE 'UTC') + interval '1 month - 1 day') AS is_whole
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
    CASE
        WHEN l_before.is_whole IS NOT TRUE THEN NULL
        WHEN m.last_month = m.month_before THEN m.last_amount
        ELSE 0
    END::numeric(28, 12) AS previous_month_cost,
    CASE WHEN m.month_amount > 0 AND abs(m.amount) < 1000 * m.month_amount THEN m.amount / m.month_amount END::numeric(12, 6) AS share_of_month,
    coalesce(l.is_over AND l.is_whole, false) AS is_complete
FROM compared m
JOIN warehouse.dim_organization o ON o.organization_id = m.organization_id
LEFT JOIN loaded l ON l.organization_id = m.organization_id AND l.month_start = m.month_start
LEFT JOIN loaded l_before ON l_before.organization_id = m.organization_id AND l_before.month_start = m.month_before
LEFT JOIN warehouse.dim_project p
    ON p.organization_id = m.organization_id AND p.project_id = m.project_id AND p.valid_to IS NULL
