-- One row per organization, calendar month that is over and settled, series of costs, currency and settled day of the month: what the month was
-- expected to cost on that day, and what it cost. Days on which nothing was left to forecast are left out. Refreshed by every load, at its
-- end. Forecasts of different days and series are of the same costs: they cannot be added up.
WITH forecast AS (
    SELECT f.*
    FROM warehouse.cost_forecasts f
    JOIN warehouse.cost_months c
        ON c.organization_id = f.organization_id AND c.month_start = f.month_start AND c.settled_days = c.days_in_month
    WHERE f.days_left > 0 AND f.expected_cost IS NOT NULL
),

project_month AS (
    SELECT
        r.organization_id,
        date_trunc('month', r.usage_date::timestamp)::date AS month_start,
        r.project_id,
        coalesce(r.currency, '') AS currency,
        sum(r.cost) AS cost,
        sum(r.rows_without_cost) AS rows_without_cost
    FROM warehouse.rollup_costs_by_project r
    GROUP BY 1, 2, 3, 4
),

actual AS (
    SELECT
        m.organization_id,
        m.month_start,
        'project' AS series_kind,
        coalesce(m.project_id, '') AS series_key,
        m.currency,
        CASE WHEN m.rows_without_cost = 0 THEN m.cost END AS cost
    FROM project_month m
    UNION ALL
    SELECT
        m.organization_id,
        m.month_start,
        'organization',
        '',
        m.currency,
        CASE WHEN sum(m.rows_without_cost) = 0 THEN sum(m.cost) END
    FROM project_month m
    GROUP BY m.organization_id, m.month_start, m.currency
    UNION ALL
    SELECT
        o.organization_id,
        t.month_start,
        'team',
        t.team,
        coalesce(t.currency, ''),
        CASE WHEN sum(t.rows_without_cost) = 0 THEN sum(t.cost) END
    FROM bi.spend_by_team_month t
    JOIN warehouse.dim_organization o ON o.label = t.organization
    GROUP BY o.organization_id, t.month_start, t.team, coalesce(t.currency, '')
),

judged AS (
    -- No row of a month is nothing billed.
    SELECT f.*, CASE WHEN a.organization_id IS NULL THEN 0 ELSE a.cost END AS actual_cost
    FROM forecast f
    LEFT JOIN actual a
        -- As one value: a plan that goes by the month only would compare each forecast with every series of it.
        ON ARRAY[a.organization_id::text, a.month_start::text, a.series_kind, a.series_key, a.currency]
        = ARRAY[f.organization_id::text, f.month_start::text, f.series_kind, f.series_key, coalesce(f.currency, '')]
)

SELECT
    j.month_start,
    o.label::varchar(64) AS organization,
    j.as_of_date,
    j.series_kind::varchar(16) AS series_kind,
    j.series_key::varchar(255) AS series_key,
    CASE j.series_kind
        WHEN 'organization' THEN o.label
        WHEN 'project' THEN coalesce(p.project_name, j.series_key)
        ELSE j.series_key
    END::varchar(255) AS series_name,
    j.project_id::varchar(128) AS project_id,
    {currency:j.currency},
    j.expected_cost::numeric(28, 12) AS expected_cost,
    j.low_cost::numeric(28, 12) AS low_cost,
    j.high_cost::numeric(28, 12) AS high_cost,
    j.actual_cost::numeric(28, 12) AS actual_cost,
    (j.expected_cost - j.actual_cost)::numeric(28, 12) AS error_cost,
    CASE WHEN j.actual_cost > 0 AND abs(j.expected_cost) < 100000 * j.actual_cost THEN (j.expected_cost - j.actual_cost) / j.actual_cost END
        ::numeric(12, 6) AS error_share,
    j.actual_cost BETWEEN j.low_cost AND j.high_cost AS is_inside,
    j.days_left::bigint AS days_left,
    j.model::varchar(255) AS model
FROM judged j
JOIN warehouse.dim_organization o ON o.organization_id = j.organization_id
LEFT JOIN warehouse.current_projects p ON p.organization_id = j.organization_id AND p.project_id = j.project_id
