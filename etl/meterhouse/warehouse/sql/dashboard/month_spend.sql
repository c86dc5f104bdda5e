-- What a month cost by team, project and model, and the month before, the most expensive first. Each of the three adds up to both months: who was
-- billed only in the month before has a row as well, with a cost of 0. That is known only of organizations with costs in the month.
WITH spend AS (
    SELECT
        1 AS place,
        'team' AS kind,
        t.month_start,
        t.organization,
        t.team AS name,
        ARRAY[t.team, t.cost_centre] AS member,
        t.currency,
        t.cost,
        t.previous_month_cost,
        t.share_of_month,
        t.loaded_days = t.days_in_month AS is_loaded
    FROM spend_by_team_month t
    WHERE t.month_start BETWEEN %(month)s::date - interval '1 month' AND %(month)s::date
    UNION ALL
    SELECT
        2,
        'project',
        p.month_start,
        p.organization,
        coalesce(p.project_name, p.project_id),
        ARRAY[p.project_id],
        p.currency,
        p.cost,
        p.previous_month_cost,
        p.share_of_month,
        p.loaded_days = p.days_in_month
    FROM spend_by_project_month p
    WHERE p.month_start BETWEEN %(month)s::date - interval '1 month' AND %(month)s::date
    UNION ALL
    SELECT
        3,
        'model',
        m.month_start,
        m.organization,
        m.model,
        ARRAY[m.model],
        m.currency,
        m.cost,
        m.previous_month_cost,
        m.share_of_month,
        m.loaded_days = m.days_in_month
    FROM spend_by_model_month m
    WHERE m.month_start BETWEEN %(month)s::date - interval '1 month' AND %(month)s::date
),

now AS (
    SELECT s.* FROM spend s WHERE s.month_start = %(month)s::date
),

gone AS (
    SELECT b.*
    FROM spend b
    WHERE b.month_start = (%(month)s::date - interval '1 month')::date
        AND b.cost IS DISTINCT FROM 0
        AND EXISTS (SELECT FROM now n WHERE n.organization = b.organization)
        AND NOT EXISTS (
            SELECT FROM now n
            WHERE n.kind = b.kind AND n.organization = b.organization AND n.member = b.member AND n.currency = b.currency
        )
)

SELECT
    s.kind,
    s.organization,
    s.name,
    s.currency,
    s.cost,
    s.previous_month_cost,
    s.share_of_month
FROM (
    SELECT n.place, n.kind, n.organization, n.name, n.currency, n.cost, n.previous_month_cost, n.share_of_month
    FROM now n
    UNION ALL
    SELECT g.place, g.kind, g.organization, g.name, g.currency, 0, CASE WHEN g.is_loaded THEN g.cost END, 0
    FROM gone g
) s
WHERE s.currency IS NOT NULL
ORDER BY s.place, s.currency, s.cost DESC NULLS LAST, s.organization, s.name
