-- One row per organization, UTC day, endpoint and combination of dimensions: usage_daily by key, for tools that model a star.
-- Refreshed by every load of day buckets. Measures can be added up over all dimensions and days, except storage_bytes, which is a level.
SELECT
    u.usage_date,
    ({key:u.organization})::varchar(64) AS organization_key,
    ({key:u.organization, u.project_id})::varchar(255) AS project_key,
    ({key:u.organization, u.user_id})::varchar(255) AS user_key,
    ({key:u.organization, u.api_key_id})::varchar(255) AS api_key_key,
    ({key:u.model})::varchar(255) AS model_key,
    u.endpoint,
    u.is_batch,
    u.service_tier,
    {measures},
    u.is_complete,
    {attributes},
    u.finality,
    u.model_reported,
    u.total_tokens,
    u.is_free_tier
FROM bi.usage_daily u
