-- One row per organization, UTC day, endpoint, project, the vendor's name for the model, batch flag and service tier, which have prices of their
-- own: the figures of usage_daily added up in advance, for questions about long ranges. Refreshed by every load of day buckets. Measures can be
-- added up over all dimensions and days, except storage_bytes, the highest level of the day.
SELECT
    r.usage_date,
    o.label::varchar(64) AS organization,
    r.endpoint::varchar(64) AS endpoint,
    r.project_id::varchar(128) AS project_id,
    p.project_name::varchar(255) AS project_name,
    m.model_name::varchar(255) AS model,
    r.batch AS is_batch,
    r.service_tier::varchar(64) AS service_tier,
    {rolled_up},
    coalesce(c.is_complete, false) AS is_complete,
    r.cacheable_input_tokens::bigint AS cacheable_input_tokens,
    r.row_count::bigint AS row_count,
    r.rows_without_requests::bigint AS rows_without_requests,
    r.rows_without_tokens::bigint AS rows_without_tokens,
    coalesce(c.finality, 'open')::varchar(16) AS finality,
    r.model::varchar(255) AS model_reported,
    {total_tokens:r},
    {is_free_tier:r}
FROM warehouse.rollup_usage_by_tier r
LEFT JOIN warehouse.model_names m ON m.model = r.model
LEFT JOIN warehouse.dim_organization o ON o.organization_id = r.organization_id
LEFT JOIN ops.coverage c
    ON c.organization_id = r.organization_id AND c.endpoint = r.endpoint AND c.bucket_width = 1440
    AND c.bucket_start = r.usage_date::timestamp AT TIME ZONE 'UTC'
LEFT JOIN warehouse.current_projects p ON p.organization_id = r.organization_id AND p.project_id = r.project_id
