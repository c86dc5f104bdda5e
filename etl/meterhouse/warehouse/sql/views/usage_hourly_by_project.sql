-- One row per organization, UTC hour, endpoint and project: the figures of usage_hourly added up in advance, for questions about long ranges.
-- Refreshed by every load of hour buckets. Measures can be added up over all dimensions and hours, except storage_bytes, the highest level of
-- the hour.
SELECT
    r.usage_date,
    (r.bucket_start AT TIME ZONE 'UTC') AS bucket_start_utc,
    r.bucket_start AS bucket_at,
    o.label::varchar(64) AS organization,
    r.endpoint::varchar(64) AS endpoint,
    r.project_id::varchar(128) AS project_id,
    p.project_name::varchar(255) AS project_name,
    {rolled_up},
    coalesce(c.is_complete, false) AS is_complete,
    r.cacheable_input_tokens::bigint AS cacheable_input_tokens,
    r.row_count::bigint AS row_count,
    r.rows_without_requests::bigint AS rows_without_requests,
    r.rows_without_tokens::bigint AS rows_without_tokens,
    coalesce(c.finality, 'open')::varchar(16) AS finality,
    {total_tokens:r}
FROM warehouse.rollup_usage_by_hour r
LEFT JOIN warehouse.dim_organization o ON o.organization_id = r.organization_id
LEFT JOIN ops.coverage c
    ON c.organization_id = r.organization_id AND c.endpoint = r.endpoint AND c.bucket_width = 60 AND c.bucket_start = r.bucket_start
LEFT JOIN warehouse.current_projects p ON p.organization_id = r.organization_id AND p.project_id = r.project_id
