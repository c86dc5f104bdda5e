-- The granted projects.
SELECT p.*
FROM warehouse.dim_project p
WHERE EXISTS (
    SELECT FROM warehouse.team_scope s
    WHERE s.organization_id = p.organization_id AND (s.project_id IS NULL OR s.project_id = p.project_id)
)
