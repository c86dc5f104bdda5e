-- Billed amounts per team in the calendar months that the chosen days touch. Teams are known for whole organizations, or for what was granted.
SELECT
    t.month_start,
    t.team,
    t.cost_centre,
    coalesce(t.currency, '') AS currency,
    CASE WHEN sum(t.rows_without_cost) = 0 THEN sum(t.cost) END AS cost,
    bool_and(t.is_complete) AS is_complete
FROM spend_by_team_month t
WHERE t.month_start BETWEEN date_trunc('month', %(first)s::date) AND %(last)s::date
    AND (%(organizations)s::text [] IS NULL OR t.organization = ANY (%(organizations)s::text []))
GROUP BY t.month_start, t.team, t.cost_centre, t.currency
ORDER BY t.month_start, t.currency, t.team, t.cost_centre
