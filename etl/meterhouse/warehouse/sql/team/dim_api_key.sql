-- Keys of the granted projects, and keys that were used in them.
SELECT k.*
FROM warehouse.dim_api_key k
WHERE EXISTS (
    SELECT FROM warehouse.team_scope s
    WHERE s.organization_id = k.organization_id AND (s.project_id IS NULL OR s.project_id = k.project_id)
)
OR EXISTS (SELECT FROM warehouse.team_dim_group g WHERE g.organization_id = k.organization_id AND g.api_key_id = k.api_key_id)
OR EXISTS (SELECT FROM warehouse.team_dim_cost_group g WHERE g.organization_id = k.organization_id AND g.api_key_id = k.api_key_id)
