-- Organizations in which the role was granted a project.
SELECT o.*
FROM warehouse.dim_organization o
WHERE EXISTS (SELECT FROM warehouse.team_scope s WHERE s.organization_id = o.organization_id)
