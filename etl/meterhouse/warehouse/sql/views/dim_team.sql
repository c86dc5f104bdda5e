-- One row per team, and one for costs that no assignment covers: a dimension for spend_by_team_month. Refreshed by meterhouse teams import.
-- There are no figures to add up.
SELECT
    ({key:t.team})::varchar(255) AS team_key,
    t.team::varchar(255) AS team_name,
    t.cost_centre::varchar(255) AS team_cost_centre,
    t.team = '(unassigned)' AS is_unassigned
FROM (
    -- The cost centre of the newest assignment.
    SELECT DISTINCT ON (a.team) a.team, a.cost_centre
    FROM warehouse.owner_assignments a
    ORDER BY a.team, a.valid_to DESC NULLS FIRST, a.valid_from DESC NULLS LAST, a.assignment_id DESC
) t
UNION ALL
SELECT '(unassigned)'::varchar(255), '(unassigned)'::varchar(255), NULL::varchar(255), true
