-- Billed amounts per calendar month and currency of everything loaded, to compare with invoices. A day counts as loaded or settled
-- if it is so for every organization with costs. From the first month with an amount on, a month that is loaded without one has 0.
WITH days AS (
    SELECT
        v.usage_date,
        count(*) FILTER (WHERE v.status <> 'missing') = cardinality(%(cost_organizations)s::text []) AS is_loaded,
        count(*) FILTER (WHERE v.is_complete) = cardinality(%(cost_organizations)s::text []) AS is_settled
    FROM coverage v
    WHERE v.endpoint = 'costs' AND v.bucket_width = '1d' AND v.organization = ANY (%(cost_organizations)s::text [])
    GROUP BY v.usage_date
),

months AS (
    SELECT
        date_trunc('month', d.usage_date)::date AS month_start,
        count(*) FILTER (WHERE d.is_loaded) AS loaded_days,
        count(*) FILTER (WHERE d.is_settled) AS settled_days,
        max(d.usage_date) FILTER (WHERE d.is_settled) AS settled_through
    FROM days d
    GROUP BY 1
),

amounts AS (
    SELECT
        date_trunc('month', c.usage_date)::date AS month_start,
        coalesce(c.currency, '') AS currency,
        sum(c.cost) AS cost,
        place.unknown_costs() AS unknown_costs
    FROM place.costs() c
    WHERE (%(organizations)s::text [] IS NULL OR c.organization = ANY (%(organizations)s::text []))
        AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
        AND place.has_chosen_model()
        AND place.has_chosen_caller()
    GROUP BY 1, 2
),

currencies AS (
    SELECT a.currency, min(a.month_start) AS first_month
    FROM amounts a
    GROUP BY a.currency
)

SELECT
    coalesce(a.month_start, m.month_start) AS month_start,
    coalesce(a.currency, y.currency) AS currency,
    CASE WHEN a.month_start IS NOT NULL THEN a.cost WHEN m.loaded_days > 0 THEN 0 END AS cost,
    coalesce(a.unknown_costs, 0) AS unknown_costs,
    extract(day FROM coalesce(a.month_start, m.month_start) + interval '1 month - 1 day')::integer AS days_in_month,
    coalesce(m.loaded_days, 0) AS loaded_days,
    coalesce(m.settled_days, 0) AS settled_days,
    m.settled_through
FROM months m
JOIN currencies y ON y.first_month <= m.month_start
FULL JOIN amounts a ON a.month_start = m.month_start AND a.currency = y.currency
ORDER BY 1, 2
