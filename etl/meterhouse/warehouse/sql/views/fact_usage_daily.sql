-- One row per organization, UTC day, endpoint and combination of dimensions: usage_daily by key, for tools that model a star.
-- Refreshed by every load of day buckets. Measures can be added up over all dimensions and days, except storage_bytes, which is a level.
SELECT
    (f.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
    g.organization_key,
    g.project_key,
    g.user_key,
    g.api_key_key,
    g.model_key,
    g.endpoint,
    g.is_batch,
    g.service_tier,
    {fact_measures},
    coalesce(c.is_complete, false) AS is_complete,
    {group_attributes},
    coalesce(c.finality, 'open')::varchar(16) AS finality,
    g.model_reported,
    {total_tokens:f},
    g.is_free_tier
FROM warehouse.usage_facts f
JOIN (
    -- Keys are made once per combination, and not once per row.
    SELECT
        u.*,
        ({key:u.organization})::varchar(64) AS organization_key,
        ({key:u.organization, u.project_id})::varchar(255) AS project_key,
        ({key:u.organization, u.user_id})::varchar(255) AS user_key,
        ({key:u.organization, u.api_key_id})::varchar(255) AS api_key_key,
        ({key:u.model})::varchar(255) AS model_key
    FROM (
        SELECT
            g.group_id,
            g.organization_id,
            o.label::varchar(64) AS organization,
            g.endpoint::varchar(64) AS endpoint,
            {dimensions},
            g.model::varchar(255) AS model_reported,
            {is_free_tier:g}
        FROM warehouse.dim_group g
        JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id
        LEFT JOIN warehouse.model_names m ON m.model = g.model
    ) u
    OFFSET '0'
) g ON g.group_id = f.group_id
LEFT JOIN ops.coverage c
    ON c.organization_id = g.organization_id AND c.endpoint = g.endpoint AND c.bucket_width = f.bucket_width
    AND c.bucket_start = f.bucket_start
WHERE f.bucket_width = 1440
