-- Combinations of the granted projects; those without a project belong to roles that were granted the whole organization.
SELECT g.*
FROM warehouse.dim_cost_group g
WHERE EXISTS (
    SELECT FROM warehouse.team_scope s
    WHERE s.organization_id = g.organization_id AND (s.project_id IS NULL OR s.project_id = g.project_id)
)
