-- Service accounts of the granted projects, users who used them, and users whose costs of them are.
SELECT u.*
FROM warehouse.dim_user u
WHERE EXISTS (
    SELECT FROM warehouse.team_scope s
    WHERE s.organization_id = u.organization_id AND (s.project_id IS NULL OR s.project_id = u.project_id)
)
OR EXISTS (SELECT FROM warehouse.team_dim_group g WHERE g.organization_id = u.organization_id AND g.user_id = u.user_id)
OR EXISTS (
    SELECT FROM warehouse.team_rollup_cost_allocation a WHERE a.organization_id = u.organization_id AND a.user_id = u.user_id
)
OR EXISTS (
    SELECT FROM warehouse.team_dim_cost_by_user_group g WHERE g.organization_id = u.organization_id AND g.user_id = u.user_id
)
