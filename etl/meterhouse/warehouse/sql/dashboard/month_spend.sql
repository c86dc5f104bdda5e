-- What a month cost by team, project and model, and the month before, the most expensive first. Each of the three adds up to the month.
SELECT
    s.kind,
    s.organization,
    s.name,
    s.currency,
    s.cost,
    s.previous_month_cost,
    s.share_of_month
FROM (
    SELECT 1 AS place, 'team' AS kind, t.organization, t.team AS name, t.currency, t.cost, t.previous_month_cost, t.share_of_month
    FROM spend_by_team_month t
    WHERE t.month_start = %(month)s::date
    UNION ALL
    SELECT 2, 'project', p.organization, coalesce(p.project_name, p.project_id), p.currency, p.cost, p.previous_month_cost, p.share_of_month
    FROM spend_by_project_month p
    WHERE p.month_start = %(month)s::date
    UNION ALL
    SELECT 3, 'model', m.organization, m.model, m.currency, m.cost, m.previous_month_cost, m.share_of_month
    FROM spend_by_model_month m
    WHERE m.month_start = %(month)s::date
) s
WHERE s.currency IS NOT NULL
ORDER BY s.place, s.currency, s.cost DESC NULLS LAST, s.organization, s.name
