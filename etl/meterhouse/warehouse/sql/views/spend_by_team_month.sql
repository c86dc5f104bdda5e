-- One row per organization, calendar month, team, cost centre and currency: billed cost of each team, by how it was found to be theirs, the
-- previous month, and the share of the month. Costs that no assignment covers are those of the team (unassigned). The rows of a month add up
-- to its bill exactly. Days that are not settled yet are unallocated, and go by their project. Refreshed by every load and by
-- meterhouse teams import. Costs can be added up within one currency; shares cannot.
WITH split AS (
    -- Months within which an assignment begins or ends: their days are looked at one by one.
    SELECT DISTINCT a.organization_id, date_trunc('month', v.first_day::timestamp)::date AS month_start
    FROM warehouse.owner_assignments a
    CROSS JOIN LATERAL (VALUES (a.valid_from), (a.valid_to + 1)) AS v (first_day)
    WHERE extract(day FROM v.first_day) <> 1
),

part AS (
    SELECT
        r.organization_id,
        r.month_start,
        r.month_start AS usage_date,
        r.project_id,
        r.api_key_id,
        r.user_id,
        r.currency,
        r.method,
        r.cost,
        r.rows_without_cost
    FROM warehouse.rollup_cost_allocation r
    WHERE NOT EXISTS (
        SELECT FROM split s WHERE s.month_start = r.month_start AND (s.organization_id IS NULL OR s.organization_id = r.organization_id)
    )
    UNION ALL
    SELECT
        a.organization_id,
        date_trunc('month', a.usage_date::timestamp)::date,
        a.usage_date,
        a.project_id,
        a.api_key_id,
        a.user_id,
        a.currency,
        a.method,
        a.cost,
        CASE WHEN a.cost IS NULL THEN 1 ELSE 0 END
    FROM warehouse.cost_allocation a
    JOIN (SELECT DISTINCT s.month_start FROM split s) m
        ON a.usage_date >= m.month_start AND a.usage_date < m.month_start + interval '1 month'
    WHERE EXISTS (
        SELECT FROM split s
        WHERE s.month_start = m.month_start AND (s.organization_id IS NULL OR s.organization_id = a.organization_id)
    )
),

owned AS (
    SELECT
        p.organization_id,
        p.month_start,
        p.usage_date,
        coalesce(p.project_id, '') AS project_id,
        coalesce(p.api_key_id, '') AS api_key_id,
        coalesce(p.user_id, '') AS user_id,
        p.currency,
        p.method,
        sum(p.cost) AS cost,
        sum(p.rows_without_cost) AS rows_without_cost
    FROM part p
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
),

owner AS (
    SELECT DISTINCT w.organization_id, w.usage_date, w.project_id, w.api_key_id, w.user_id FROM owned w
),

assigned AS (
    SELECT DISTINCT ON (w.organization_id, w.usage_date, w.project_id, w.api_key_id, w.user_id)
        w.organization_id,
        w.usage_date,
        w.project_id,
        w.api_key_id,
        w.user_id,
        t.team,
        t.cost_centre
    FROM owner w
    JOIN warehouse.owner_teams t
        ON t.organization_id = w.organization_id AND coalesce(t.project_id, '') = w.project_id
        AND coalesce(t.api_key_id, '') = w.api_key_id AND coalesce(t.user_id, '') = w.user_id
        AND w.usage_date >= t.valid_from AND w.usage_date <= t.valid_to
    ORDER BY w.organization_id, w.usage_date, w.project_id, w.api_key_id, w.user_id, t.precedence
),

amount AS (
    SELECT
        w.organization_id,
        w.month_start,
        coalesce(a.team, '(unassigned)') AS team,
        a.cost_centre,
        w.currency,
        {allocated_sums:w}
    FROM owned w
    LEFT JOIN assigned a
        ON a.organization_id = w.organization_id AND a.usage_date = w.usage_date AND a.project_id = w.project_id
        AND a.api_key_id = w.api_key_id AND a.user_id = w.user_id
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
    WINDOW own AS (PARTITION BY a.organization_id, a.currency, a.team, a.cost_centre ORDER BY a.month_start)
)

SELECT
    a.month_start,
    o.label::varchar(64) AS organization,
    a.team::varchar(255) AS team,
    a.cost_centre::varchar(255) AS cost_centre,
    {currency:a.currency},
    {allocated_figures}
FROM month a
JOIN warehouse.dim_organization o ON o.organization_id = a.organization_id
JOIN warehouse.cost_months c ON c.organization_id = a.organization_id AND c.month_start = a.month_start
LEFT JOIN warehouse.cost_months b
    ON b.organization_id = a.organization_id AND b.month_start = (a.month_start - interval '1 month')::date
