-- One row per organization, UTC hour, endpoint and combination of dimensions that was requested.
-- Refreshed by every load of hour buckets. Measures can be added up over all dimensions and hours, except storage_bytes, which is a level.
SELECT
    u.usage_date,
    u.bucket_start_utc,
    u.bucket_at,
    u.organization,
    u.endpoint,
    u.project_id,
    u.project_name,
    u.user_id,
    u.user_email,
    u.api_key_id,
    u.api_key_name,
    u.model,
    u.is_batch,
    u.service_tier,
    {measures},
    u.is_complete,
    u.user_name,
    {attributes},
    u.finality,
    u.model_reported,
    {total_tokens:u},
    u.is_free_tier
FROM warehouse.usage_named u
WHERE u.bucket_width = 60
