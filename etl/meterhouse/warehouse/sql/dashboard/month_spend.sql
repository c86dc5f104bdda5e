-- What a month cost by team, project and model, and the month before, the most expensive first. Each of the three adds up to the month, and to
-- the whole month before: who cost something only then has a row with 0, unless anything of that month is unknown.
WITH spend AS (
    SELECT
        1 AS place,
        'team' AS kind,
        t.month_start,
        t.organization,
        concat_ws('/', t.team, t.cost_centre) AS key,
        t.team AS name,
        t.currency,
        t.cost,
        t.previous_month_cost,
        t.share_of_month
    FROM spend_by_team_month t
    WHERE t.month_start IN (%(month)s::date, (%(month)s::date - interval '1 month')::date)
    UNION ALL
    SELECT
        2,
        'project',
        p.month_start,
        p.organization,
        p.project_id,
        coalesce(p.project_name, p.project_id),
        p.currency,
        p.cost,
        p.previous_month_cost,
        p.share_of_month
    FROM spend_by_project_month p
    WHERE p.month_start IN (%(month)s::date, (%(month)s::date - interval '1 month')::date)
    UNION ALL
    SELECT 3, 'model', m.month_start, m.organization, m.model, m.model, m.currency, m.cost, m.previous_month_cost, m.share_of_month
    FROM spend_by_model_month m
    WHERE m.month_start IN (%(month)s::date, (%(month)s::date - interval '1 month')::date)
),

known AS (
    SELECT s.kind, s.organization, s.currency
    FROM spend s
    WHERE s.month_start = %(month)s::date
    GROUP BY 1, 2, 3
    HAVING count(*) = count(s.previous_month_cost)
)

SELECT
    s.kind,
    s.organization,
    s.name,
    s.currency,
    CASE WHEN s.month_start = %(month)s::date THEN s.cost ELSE 0 END AS cost,
    CASE WHEN s.month_start = %(month)s::date THEN s.previous_month_cost ELSE s.cost END AS previous_month_cost,
    CASE WHEN s.month_start = %(month)s::date THEN s.share_of_month ELSE 0 END AS share_of_month
FROM spend s
LEFT JOIN known k ON k.kind = s.kind AND k.organization = s.organization AND k.currency = s.currency
LEFT JOIN spend n
    ON n.kind = s.kind AND n.organization = s.organization AND n.currency = s.currency AND n.key IS NOT DISTINCT FROM s.key
    AND n.month_start = %(month)s::date
WHERE s.currency IS NOT NULL AND (s.month_start = %(month)s::date OR (k.kind IS NOT NULL AND n.kind IS NULL AND s.cost <> 0))
ORDER BY s.place, s.currency, cost DESC NULLS LAST, s.organization, s.name
