-- Totals of the granted projects; those without a project belong to roles that were granted the whole organization.
SELECT r.*
FROM place.sums() r
WHERE EXISTS (
    SELECT FROM warehouse.team_scope s
    WHERE s.organization_id = r.organization_id AND (s.project_id IS NULL OR s.project_id = r.project_id)
)
