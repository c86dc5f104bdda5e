-- One row per organization, UTC day and API key: what each key was used for, and who owns it.
-- Refreshed by every load of day buckets. Measures can be added up.
SELECT
    u.usage_date,
    o.label::varchar(64) AS organization,
    u.api_key_id::varchar(128) AS api_key_id,
    k.api_key_name::varchar(255) AS api_key_name,
    k.owner_name::varchar(255) AS owner_name,
    k.owner_kind::varchar(64) AS owner_kind,
    k.owner_id::varchar(128) AS owner_id,
    k.project_id::varchar(128) AS api_key_project_id,
    p.project_name::varchar(255) AS api_key_project_name,
    u.requests,
    u.input_tokens,
    u.input_cached_tokens,
    u.output_tokens,
    u.images,
    u.characters,
    u.seconds,
    u.tool_calls,
    u.is_complete,
    u.finality,
    {total_tokens:u}
FROM (
    -- First added up by the keys of the rows: names are looked up once per sum. Day by day: what a day adds up stays in the processor's cache.
    SELECT day.usage_date::date AS usage_date, f.*
    FROM generate_series(
        (SELECT r.usage_date::timestamp FROM warehouse.rollup_usage_by_api_key r ORDER BY r.usage_date LIMIT 1),
        (SELECT r.usage_date::timestamp FROM warehouse.rollup_usage_by_api_key r ORDER BY r.usage_date DESC LIMIT 1),
        interval '1 day'
    ) AS day (usage_date)
    CROSS JOIN LATERAL (
        SELECT
            r.organization_id,
            r.api_key_id,
            (sum(r.requests::bigint) FILTER (WHERE r.endpoint::varchar(64) NOT IN ({repeating_requests})))::bigint AS requests,
            sum(r.input_tokens::bigint)::bigint AS input_tokens,
            sum(r.input_cached_tokens::bigint)::bigint AS input_cached_tokens,
            sum(r.output_tokens::bigint)::bigint AS output_tokens,
            sum(r.images::bigint)::bigint AS images,
            sum(r.characters::bigint)::bigint AS characters,
            sum(r.seconds::bigint)::bigint AS seconds,
            sum(r.tool_calls::bigint)::bigint AS tool_calls,
            bool_and(coalesce(c.is_complete, false)) AS is_complete,
            min(coalesce(c.finality, 'open'))::varchar(16) AS finality
        FROM warehouse.rollup_usage_by_api_key r
        LEFT JOIN ops.coverage c
            ON c.organization_id = r.organization_id AND c.endpoint = r.endpoint AND c.bucket_width = 1440
            AND c.bucket_start = r.usage_date::timestamp AT TIME ZONE 'UTC'
        WHERE r.usage_date = day.usage_date::date AND r.endpoint::varchar(64) NOT IN ({without_caller})
        GROUP BY r.organization_id, r.api_key_id
    ) f
) u
LEFT JOIN warehouse.dim_organization o ON o.organization_id = u.organization_id
LEFT JOIN warehouse.dim_api_key k
    ON k.organization_id = u.organization_id AND k.api_key_id = u.api_key_id AND k.valid_to IS NULL
LEFT JOIN warehouse.dim_project p
    ON p.organization_id = u.organization_id AND p.project_id = k.project_id AND p.valid_to IS NULL
