-- Corrections of the granted projects; those without a project belong to roles that were granted the whole organization.
SELECT x.*
FROM warehouse.cost_corrections x
WHERE EXISTS (
    SELECT FROM warehouse.team_scope s
    WHERE s.organization_id = x.organization_id AND (s.project_id IS NULL OR s.project_id = x.project_id)
)
