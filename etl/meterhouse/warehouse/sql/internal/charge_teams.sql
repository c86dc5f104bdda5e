-- The team of every project and API key on the bill, with the days since when: width_bucket finds the one of a day. The order is that of
-- accounting/teams.py; a billed line names no user, so assignments of users and of mail domains say nothing about it.
WITH owner AS (
    SELECT DISTINCT g.organization_id, coalesce(g.project_id, '') AS project_id, coalesce(g.api_key_id, '') AS api_key_id
    FROM warehouse.dim_cost_group g
),

fitting AS (
    SELECT
        w.organization_id,
        w.project_id,
        w.api_key_id,
        a.team,
        a.cost_centre,
        array_position(ARRAY['api_key', 'key_prefix', 'project', 'default'], a.kind) AS kind_place,
        CASE WHEN a.kind = 'key_prefix' THEN length(a.value) ELSE 0 END AS detail,
        a.organization_id IS NULL AS is_for_all,
        coalesce(a.valid_from, '-infinity'::date) AS first_date,
        -- The day after the last one.
        coalesce(a.valid_to + 1, 'infinity'::date) AS end_date
    FROM owner w
    LEFT JOIN warehouse.current_api_keys k ON k.organization_id = w.organization_id AND k.api_key_id = w.api_key_id
    JOIN warehouse.owner_assignments a
        ON (a.organization_id IS NULL OR a.organization_id = w.organization_id)
        AND CASE a.kind
            WHEN 'api_key' THEN a.value = w.api_key_id
            WHEN 'key_prefix' THEN starts_with(k.api_key_name, a.value)
            WHEN 'project' THEN a.value = w.project_id
            ELSE a.kind = 'default'
        END
),

begins AS (
    SELECT f.organization_id, f.project_id, f.api_key_id, f.first_date FROM fitting f
    UNION
    SELECT f.organization_id, f.project_id, f.api_key_id, f.end_date FROM fitting f WHERE f.end_date < 'infinity'
),

-- From each of these days on, the most specific one that is valid, or none.
span AS (
    SELECT DISTINCT ON (b.organization_id, b.project_id, b.api_key_id, b.first_date)
        b.organization_id,
        b.project_id,
        b.api_key_id,
        b.first_date,
        CASE
            WHEN f.team IS NOT NULL THEN jsonb_strip_nulls(jsonb_build_object('team', f.team, 'cost_centre', f.cost_centre))::text
        END AS tags
    FROM begins b
    LEFT JOIN fitting f
        ON f.organization_id = b.organization_id AND f.project_id = b.project_id AND f.api_key_id = b.api_key_id
        AND f.first_date <= b.first_date AND f.end_date > b.first_date
    ORDER BY b.organization_id, b.project_id, b.api_key_id, b.first_date, f.kind_place, f.detail DESC, f.is_for_all
)

SELECT
    s.organization_id,
    s.project_id,
    s.api_key_id,
    array_agg(s.first_date ORDER BY s.first_date) AS first_dates,
    array_agg(s.tags ORDER BY s.first_date) AS tags
FROM span s
GROUP BY s.organization_id, s.project_id, s.api_key_id
