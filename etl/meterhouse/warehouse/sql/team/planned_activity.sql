-- What is planned for the granted projects and their API keys; for organizations and models only with a whole organization.
SELECT t.*
FROM warehouse.planned_activity t
WHERE EXISTS (
    SELECT FROM warehouse.team_scope s
    WHERE s.organization_id = t.organization_id AND (
        s.project_id IS NULL
        OR t.series_kind = 'project' AND t.series_key = s.project_id
        OR t.series_kind = 'api_key' AND EXISTS (
            SELECT FROM warehouse.dim_api_key k
            WHERE k.organization_id = t.organization_id AND k.project_id = s.project_id AND k.api_key_id = t.series_key
        )
    )
)
