-- Service accounts of the granted projects, and users who did something in them.
SELECT u.*
FROM warehouse.dim_user u
WHERE EXISTS (
    SELECT FROM warehouse.team_scope s
    WHERE s.organization_id = u.organization_id AND (s.project_id IS NULL OR s.project_id = u.project_id)
)
OR EXISTS (SELECT FROM warehouse.team_dim_group g WHERE g.organization_id = u.organization_id AND g.user_id = u.user_id)
