-- Billed amounts per day and currency of the given days, and whether every row of the day is settled.
SELECT
    c.usage_date,
    c.currency,
    CASE WHEN sum(c.rows_without_cost) = 0 THEN sum(c.cost) END AS cost,
    bool_and(c.is_complete) AS is_settled
FROM costs_daily_by_project c
WHERE c.usage_date BETWEEN %(first)s::date AND %(last)s::date
    AND c.currency IS NOT NULL
    AND (%(organizations)s::text [] IS NULL OR c.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
GROUP BY c.usage_date, c.currency
ORDER BY c.usage_date, c.currency
