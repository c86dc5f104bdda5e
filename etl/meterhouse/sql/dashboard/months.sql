-- Billed amounts per calendar month and currency of all that is loaded: what an invoice is held against.
-- is_complete: every day of the month was over and read, for every chosen organization that the view knows.
WITH days AS (
    SELECT
        date_trunc('month', v.usage_date)::date AS month_start,
        count(*) FILTER (WHERE v.status IN ('loaded', 'empty'))
            = count(DISTINCT v.organization) * extract(day FROM date_trunc('month', min(v.usage_date)) + interval '1 month - 1 day') AS is_complete
    FROM bi.coverage v
    WHERE v.endpoint = 'costs' AND (%(organizations)s::text [] IS NULL OR v.organization = ANY (%(organizations)s::text []))
    GROUP BY 1
),

amounts AS (
    SELECT
        date_trunc('month', c.usage_date)::date AS month_start,
        coalesce(c.currency, '') AS currency,
        sum(c.cost) AS cost,
        {unknown_costs} AS unknown_costs
    FROM {costs} c
    WHERE (%(organizations)s::text [] IS NULL OR c.organization = ANY (%(organizations)s::text []))
        AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
        AND (%(models)s::text [] IS NULL OR coalesce(c.model, '') = ANY (%(models)s::text []))
        AND {has_chosen_key}
    GROUP BY 1, 2
)

SELECT
    a.month_start,
    a.currency,
    a.cost,
    a.unknown_costs,
    coalesce(d.is_complete, false) AS is_complete
FROM amounts a
LEFT JOIN days d ON d.month_start = a.month_start
ORDER BY a.month_start, a.currency
