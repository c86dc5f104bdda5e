-- One row per organization, UTC day, endpoint and combination of project, user, API key, model, batch flag and service tier: an estimate of
-- what the usage costs, for days and organizations whose bill is not there yet, and for people and keys that the bill does not name. Usage is
-- multiplied by the price in force: the contract's; or else what the same line of the bill cost on the newest settled day; or else the list's.
-- Usage does not say which requests had a long context, so these are estimated at the ordinary price, which is too low. Refreshed by every
-- load of day buckets or costs. estimated_cost can be added up within one currency; shares cannot.
SELECT
    c.usage_date,
    o.label::varchar(64) AS organization,
    c.endpoint::varchar(64) AS endpoint,
    c.project_id::varchar(128) AS project_id,
    q.project_name::varchar(255) AS project_name,
    c.user_id::varchar(128) AS user_id,
    w.user_name::varchar(255) AS user_name,
    w.user_email::varchar(255) AS user_email,
    c.api_key_id::varchar(128) AS api_key_id,
    k.api_key_name::varchar(255) AS api_key_name,
    m.model_name::varchar(255) AS model,
    c.batch AS is_batch,
    c.service_tier::varchar(64) AS service_tier,
    {figure:e.estimated_cost} AS estimated_cost,
    p.currency::varchar(3) AS currency,
    p.price_source::varchar(255) AS price_source,
    CASE WHEN abs(t.counted_priced) < 1000 * abs(t.counted_total) THEN 1 - t.counted_priced / t.counted_total END
        ::numeric(12, 6) AS unpriced_share,
    {unpriced_reason:m.list_model} AS unpriced_reason,
    coalesce(v.is_complete, false) AS is_complete,
    coalesce(v.finality, 'open')::varchar(16) AS finality
FROM (
    SELECT
        (u.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
        u.bucket_start,
        g.organization_id,
        g.endpoint,
        g.project_id,
        g.user_id,
        g.api_key_id,
        g.model,
        g.batch,
        g.service_tier,
        q.*
    FROM warehouse.usage_facts u
    JOIN warehouse.dim_group g ON g.group_id = u.group_id
    -- Computed once, however often it is used.
    CROSS JOIN LATERAL (SELECT {counted:u} OFFSET 0) q
    WHERE u.bucket_width = 1440
) c
JOIN warehouse.dim_organization o ON o.organization_id = c.organization_id
LEFT JOIN warehouse.usage_prices p
    ON p.organization_id = c.organization_id AND p.usage_date = c.usage_date AND p.endpoint = c.endpoint
    AND p.model_key = coalesce(c.model, '') AND p.batch_key = coalesce(c.batch::text, '') AND p.tier_key = coalesce(c.service_tier, '')
CROSS JOIN LATERAL (SELECT {counted_total} AS counted_total, {counted_priced} AS counted_priced OFFSET 0) t
CROSS JOIN LATERAL (SELECT {estimated_cost} AS estimated_cost OFFSET 0) e
LEFT JOIN warehouse.priced_models m ON m.model = c.model
LEFT JOIN ops.coverage v
    ON v.organization_id = c.organization_id AND v.endpoint = c.endpoint AND v.bucket_width = 1440 AND v.bucket_start = c.bucket_start
LEFT JOIN warehouse.current_projects q ON q.organization_id = c.organization_id AND q.project_id = c.project_id
LEFT JOIN warehouse.current_users w ON w.organization_id = c.organization_id AND w.user_id = c.user_id
LEFT JOIN warehouse.current_api_keys k ON k.organization_id = c.organization_id AND k.api_key_id = c.api_key_id
