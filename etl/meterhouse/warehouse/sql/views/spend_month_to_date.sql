-- One row per organization, calendar month, project and currency with spend in this month or the previous one: spend to date on settled
-- days, spend on the same days of the previous month, and spend in the whole previous month. Days are compared if they are settled in both
-- months, or all days if both months are fully settled. Refreshed by every load of costs. Amounts can be added up within one currency; days cannot.
WITH day AS (
    SELECT
        c.organization_id,
        (c.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
        date_trunc('month', c.bucket_start AT TIME ZONE 'UTC')::date AS month_start,
        c.is_complete AS is_settled
    FROM ops.coverage c
    WHERE c.endpoint = 'costs' AND c.bucket_width = 1440
),

month AS (
    SELECT
        d.organization_id,
        d.month_start,
        (d.month_start - interval '1 month')::date AS month_before,
        (d.month_start + interval '1 month')::date AS month_after,
        count(*) AS loaded_days,
        count(*) FILTER (WHERE d.is_settled) AS settled_days,
        max(d.usage_date) FILTER (WHERE d.is_settled) AS settled_through_date,
        d.month_start = max(d.month_start) OVER (PARTITION BY d.organization_id) AS is_current_month
    FROM day d
    GROUP BY d.organization_id, d.month_start
),

side AS (
    SELECT
        m.*,
        m.month_after - m.month_start AS days_in_month,
        b.loaded_days = m.month_start - m.month_before AS before_is_loaded
    FROM month m
    LEFT JOIN month b ON b.organization_id = m.organization_id AND b.month_start = m.month_before
),

counted AS (
    SELECT d.* FROM warehouse.compared_month_days d
),

-- Materialized: a plan that expects one row of amounts would add it up again for each of them.
compared AS MATERIALIZED (
    SELECT
        c.organization_id,
        c.month_start,
        count(*) FILTER (WHERE c.is_of_month AND c.is_compared) AS compared_days,
        count(*) FILTER (WHERE NOT c.is_of_month AND c.is_compared) AS previous_compared_days
    FROM counted c
    GROUP BY c.organization_id, c.month_start
),

daily AS (
    SELECT r.organization_id, r.usage_date, r.project_id, r.currency, sum(r.cost) AS cost, sum(r.rows_without_cost) AS rows_without_cost
    FROM warehouse.rollup_costs_by_project r
    GROUP BY r.organization_id, r.usage_date, r.project_id, r.currency
),

amount AS (
    SELECT
        c.organization_id,
        c.month_start,
        d.project_id,
        d.currency,
        -- No row means nothing billed; an amount that the vendor left out makes its sum unknown, which is null.
        bool_or(c.is_of_month) AS has_spend,
        CASE WHEN coalesce(sum(d.rows_without_cost) FILTER (WHERE c.is_of_month), 0) = 0 THEN coalesce(sum(d.cost) FILTER (WHERE c.is_of_month), 0) END AS month_cost,
        CASE WHEN coalesce(sum(d.rows_without_cost) FILTER (WHERE c.is_of_month AND c.is_settled), 0) = 0 THEN coalesce(sum(d.cost) FILTER (WHERE c.is_of_month AND c.is_settled), 0) END AS settled_cost,
        CASE WHEN coalesce(sum(d.rows_without_cost) FILTER (WHERE c.is_of_month AND c.is_compared), 0) = 0 THEN coalesce(sum(d.cost) FILTER (WHERE c.is_of_month AND c.is_compared), 0) END AS compared_cost,
        CASE WHEN coalesce(sum(d.rows_without_cost) FILTER (WHERE NOT c.is_of_month AND c.is_compared), 0) = 0 THEN coalesce(sum(d.cost) FILTER (WHERE NOT c.is_of_month AND c.is_compared), 0) END AS previous_compared_cost,
        CASE WHEN coalesce(sum(d.rows_without_cost) FILTER (WHERE NOT c.is_of_month), 0) = 0 THEN coalesce(sum(d.cost) FILTER (WHERE NOT c.is_of_month), 0) END AS previous_month_cost
    FROM daily d
    JOIN counted c ON c.organization_id = d.organization_id AND c.usage_date = d.usage_date
    GROUP BY c.organization_id, c.month_start, d.project_id, d.currency
)

SELECT
    s.month_start,
    o.label::varchar(64) AS organization,
    a.project_id::varchar(128) AS project_id,
    p.project_name::varchar(255) AS project_name,
    {currency:a.currency},
    CASE WHEN s.settled_days > 0 THEN a.settled_cost END::numeric(28, 12) AS settled_cost,
    CASE WHEN v.compared_days > 0 THEN a.compared_cost END::numeric(28, 12) AS compared_cost,
    CASE WHEN v.compared_days > 0 THEN a.previous_compared_cost END::numeric(28, 12) AS previous_compared_cost,
    CASE WHEN s.before_is_loaded THEN a.previous_month_cost END::numeric(28, 12) AS previous_month_cost,
    s.settled_through_date,
    s.days_in_month::bigint AS days_in_month,
    s.loaded_days::bigint AS loaded_days,
    s.settled_days::bigint AS settled_days,
    v.compared_days::bigint AS compared_days,
    v.previous_compared_days::bigint AS previous_compared_days,
    s.is_current_month,
    s.settled_days = s.days_in_month AS is_complete,
    a.has_spend,
    a.month_cost::numeric(28, 12) AS month_cost
FROM amount a
JOIN side s ON s.organization_id = a.organization_id AND s.month_start = a.month_start
JOIN compared v ON v.organization_id = a.organization_id AND v.month_start = a.month_start
JOIN warehouse.dim_organization o ON o.organization_id = a.organization_id
LEFT JOIN warehouse.dim_project p
    ON p.organization_id = a.organization_id AND p.project_id = a.project_id AND p.valid_to IS NULL
