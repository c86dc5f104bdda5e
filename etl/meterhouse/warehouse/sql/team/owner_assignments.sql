-- Assignments for all organizations, and those of organizations in which the role was granted a project: they are shown only with its rows.
SELECT a.*
FROM warehouse.owner_assignments a
WHERE a.organization_id IS NULL OR EXISTS (SELECT FROM warehouse.team_scope s WHERE s.organization_id = a.organization_id)
