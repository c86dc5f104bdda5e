SELECT
    f.bucket_width,
    (f.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
    (f.bucket_start AT TIME ZONE 'UTC') AS bucket_start_utc,
    f.bucket_start AS bucket_at,
    o.label::varchar(64) AS organization,
    g.endpoint::varchar(64) AS endpoint,
    g.project_id::varchar(128) AS project_id,
    g.user_id::varchar(128) AS user_id,
    g.api_key_id::varchar(128) AS api_key_id,
    g.model::varchar(255) AS model,
    g.batch AS is_batch,
    g.service_tier::varchar(64) AS service_tier,
    g.api_source::varchar(64) AS api_source,
    g.size::varchar(64) AS size,
    g.source::varchar(64) AS source,
    g.vector_store_id::varchar(128) AS vector_store_id,
    g.context_level::varchar(64) AS context_level,
    p.project_name::varchar(255) AS project_name,
    n.user_name::varchar(255) AS user_name,
    n.user_email::varchar(255) AS user_email,
    k.api_key_name::varchar(255) AS api_key_name,
    f.requests,
    f.input_tokens,
    f.input_cached_tokens,
    f.output_tokens,
    f.input_audio_tokens,
    f.output_audio_tokens,
    f.images,
    f.characters,
    f.seconds,
    f.sessions,
    f.tool_calls,
    f.storage_bytes,
    f.input_cache_write_tokens,
    f.input_cache_write_30m_tokens,
    f.input_cache_write_12h_tokens,
    f.input_uncached_tokens,
    f.input_text_tokens,
    f.input_image_tokens,
    f.input_cached_text_tokens,
    f.input_cached_audio_tokens,
    f.input_cached_image_tokens,
    f.output_text_tokens,
    f.output_image_tokens,
    coalesce(c.is_complete, false) AS is_complete
FROM warehouse.usage_facts f
JOIN warehouse.dim_group g ON g.group_id = f.group_id
JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id
LEFT JOIN ops.coverage c
    ON c.organization_id = g.organization_id AND c.endpoint = g.endpoint AND c.bucket_width = f.bucket_width
    AND c.bucket_start = f.bucket_start
LEFT JOIN warehouse.dim_project p ON p.organization_id = g.organization_id AND p.project_id = g.project_id AND p.valid_to IS NULL
LEFT JOIN warehouse.dim_user n ON n.organization_id = g.organization_id AND n.user_id = g.user_id AND n.valid_to IS NULL
LEFT JOIN warehouse.dim_api_key k ON k.organization_id = g.organization_id AND k.api_key_id = g.api_key_id AND k.valid_to IS NULL
