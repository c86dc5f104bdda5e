-- Unusual days of the granted projects; those of an organization belong to roles that were granted the whole of it.
SELECT t.*
FROM warehouse.cost_anomalies t
WHERE EXISTS (
    SELECT FROM warehouse.team_scope s
    WHERE s.organization_id = t.organization_id AND (s.project_id IS NULL OR s.project_id = t.project_id)
)
