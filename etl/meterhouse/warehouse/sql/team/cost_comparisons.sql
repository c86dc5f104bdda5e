-- Comparisons of the organizations in which the role was granted a project; not by project.
SELECT t.*
FROM warehouse.cost_comparisons t
WHERE EXISTS (SELECT FROM warehouse.team_scope s WHERE s.organization_id = t.organization_id)
