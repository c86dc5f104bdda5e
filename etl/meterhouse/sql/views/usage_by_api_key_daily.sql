-- One row per organization, UTC day and API key: what each key did, and whose it is.
-- Refreshed by every load of day buckets. Measures can be added up.
SELECT
    u.usage_date,
    u.organization,
    u.api_key_id,
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
    SELECT
        d.usage_date,
        d.organization,
        d.api_key_id,
        (sum(d.requests) FILTER (WHERE d.endpoint <> 'web_search_calls'))::bigint AS requests,
        sum(d.input_tokens)::bigint AS input_tokens,
        sum(d.input_cached_tokens)::bigint AS input_cached_tokens,
        sum(d.output_tokens)::bigint AS output_tokens,
        sum(d.images)::bigint AS images,
        sum(d.characters)::bigint AS characters,
        sum(d.seconds)::bigint AS seconds,
        sum(d.tool_calls)::bigint AS tool_calls,
        bool_and(d.is_complete) AS is_complete,
        min(d.finality::warehouse.finality)::varchar(16) AS finality
    FROM bi.usage_daily_by_api_key d
    WHERE d.endpoint NOT IN ('vector_stores', 'code_interpreter_sessions')
    GROUP BY d.usage_date, d.organization, d.api_key_id
) u
JOIN warehouse.dim_organization o ON o.label = u.organization
LEFT JOIN warehouse.dim_api_key k
    ON k.organization_id = o.organization_id AND k.api_key_id = u.api_key_id AND k.valid_to IS NULL
LEFT JOIN warehouse.dim_project p
    ON p.organization_id = o.organization_id AND p.project_id = k.project_id AND p.valid_to IS NULL
