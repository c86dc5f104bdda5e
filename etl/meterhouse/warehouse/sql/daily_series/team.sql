-- The cost of each team by the allocation; (unassigned): cost that no assignment covers. No rows while no assignment is known.
WITH owned AS (
    SELECT
        a.usage_date,
        coalesce(a.project_id, '') AS project_id,
        coalesce(a.api_key_id, '') AS api_key_id,
        coalesce(a.user_id, '') AS user_id,
        a.currency,
        sum(a.cost) AS cost,
        count(*) - count(a.cost) AS rows_without_cost
    FROM warehouse.cost_allocation a
    WHERE a.organization_id = %(organization_id)s AND a.usage_date >= %(first)s AND a.usage_date <= %(last)s
        AND EXISTS (
            SELECT FROM warehouse.owner_assignments w WHERE w.organization_id IS NULL OR w.organization_id = %(organization_id)s
        )
    GROUP BY 1, 2, 3, 4, 5
),

-- Which days each fitting assignment is valid, most specific first.
fitting AS MATERIALIZED (
    SELECT
        coalesce(t.project_id, '') AS project_id,
        coalesce(t.api_key_id, '') AS api_key_id,
        coalesce(t.user_id, '') AS user_id,
        t.team,
        t.valid_from,
        t.valid_to,
        t.precedence
    FROM warehouse.owner_teams t
    WHERE t.organization_id = %(organization_id)s
),

assigned AS (
    SELECT DISTINCT ON (w.project_id, w.api_key_id, w.user_id, w.usage_date)
        w.project_id,
        w.api_key_id,
        w.user_id,
        w.usage_date,
        f.team
    FROM (SELECT DISTINCT o.project_id, o.api_key_id, o.user_id, o.usage_date FROM owned o) w
    JOIN fitting f
        ON f.project_id = w.project_id AND f.api_key_id = w.api_key_id AND f.user_id = w.user_id
        AND w.usage_date >= f.valid_from AND w.usage_date <= f.valid_to
    ORDER BY w.project_id, w.api_key_id, w.user_id, w.usage_date, f.precedence
)

SELECT coalesce(s.team, '(unassigned)') AS series_key, NULL::text AS project_id, w.currency, w.usage_date, w.cost, w.rows_without_cost
FROM owned w
LEFT JOIN assigned s
    ON s.project_id = w.project_id AND s.api_key_id = w.api_key_id AND s.user_id = w.user_id AND s.usage_date = w.usage_date
