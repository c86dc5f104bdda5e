-- Every assignment that fits an owner of costs (project, API key and user of an organization), and how specific it is: the lowest precedence
-- that is valid on a day is the team of that owner on that day. The order is that of accounting/teams.py.
WITH owner AS (
    SELECT DISTINCT r.organization_id, r.project_id, r.api_key_id, r.user_id
    FROM warehouse.rollup_cost_allocation r
),

named AS (
    SELECT w.organization_id, w.project_id, w.api_key_id, w.user_id, k.api_key_name, lower(u.user_email) AS user_email
    FROM owner w
    LEFT JOIN warehouse.current_api_keys k ON k.organization_id = w.organization_id AND k.api_key_id = w.api_key_id
    LEFT JOIN warehouse.current_users u ON u.organization_id = w.organization_id AND u.user_id = w.user_id
),

fitting AS (
    SELECT n.organization_id, n.project_id, n.api_key_id, n.user_id, a.assignment_id, 1 AS kind_place, 0 AS detail
    FROM named n
    JOIN warehouse.owner_assignments a ON a.kind = 'api_key' AND a.value = n.api_key_id
    UNION ALL
    -- Of two beginnings the longer one is more specific.
    SELECT n.organization_id, n.project_id, n.api_key_id, n.user_id, a.assignment_id, 2, -length(a.value)
    FROM named n
    JOIN warehouse.owner_assignments a ON a.kind = 'key_prefix' AND starts_with(n.api_key_name, a.value)
    UNION ALL
    SELECT n.organization_id, n.project_id, n.api_key_id, n.user_id, a.assignment_id, 3, 0
    FROM named n
    JOIN warehouse.owner_assignments a ON a.kind = 'user' AND a.value = n.user_id
    UNION ALL
    SELECT n.organization_id, n.project_id, n.api_key_id, n.user_id, a.assignment_id, 3, 1
    FROM named n
    JOIN warehouse.owner_assignments a ON a.kind = 'user' AND lower(a.value) = n.user_email
    UNION ALL
    SELECT n.organization_id, n.project_id, n.api_key_id, n.user_id, a.assignment_id, 4, 0
    FROM named n
    JOIN warehouse.owner_assignments a ON a.kind = 'mail_domain' AND a.value = split_part(n.user_email, '@', 2)
    UNION ALL
    SELECT n.organization_id, n.project_id, n.api_key_id, n.user_id, a.assignment_id, 5, 0
    FROM named n
    JOIN warehouse.owner_assignments a ON a.kind = 'project' AND a.value = n.project_id
    UNION ALL
    SELECT n.organization_id, n.project_id, n.api_key_id, n.user_id, a.assignment_id, 6, 0
    FROM named n
    CROSS JOIN warehouse.owner_assignments a
    WHERE a.kind = 'default'
)

SELECT
    f.organization_id,
    f.project_id,
    f.api_key_id,
    f.user_id,
    -- One that names the organization is more specific than one for all.
    ARRAY[f.kind_place, f.detail, CASE WHEN a.organization_id IS NULL THEN 1 ELSE 0 END] AS precedence,
    a.kind,
    a.team,
    a.cost_centre,
    coalesce(a.valid_from, '-infinity') AS valid_from,
    coalesce(a.valid_to, 'infinity') AS valid_to
FROM fitting f
JOIN warehouse.owner_assignments a ON a.assignment_id = f.assignment_id
WHERE a.organization_id IS NULL OR a.organization_id = f.organization_id
