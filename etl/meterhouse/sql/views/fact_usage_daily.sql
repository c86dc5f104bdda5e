-- One row per organization, UTC day, endpoint and combination of dimensions: usage_daily by key, for tools that model a star.
-- Refreshed by every load of day buckets. Measures can be added up over all dimensions and days, but for storage_bytes, which is a level.
SELECT
    u.usage_date,
    u.organization AS organization_key,
    (u.organization || '/' || coalesce(u.project_id, '(none)'))::varchar(255) AS project_key,
    (u.organization || '/' || coalesce(u.user_id, '(none)'))::varchar(255) AS user_key,
    (u.organization || '/' || coalesce(u.api_key_id, '(none)'))::varchar(255) AS api_key_key,
    coalesce(u.model, '(none)')::varchar(255) AS model_key,
    u.endpoint,
    u.is_batch,
    u.service_tier,
    {measures},
    u.is_complete,
    {attributes},
    u.finality
FROM bi.usage_daily u
