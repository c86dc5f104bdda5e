-- One row per organization, UTC day and model: tokens by kind, with the shares that came from the cache and went through batches.
-- Refreshed by every load of day buckets. Tokens can be added up; shares cannot.
SELECT
    r.usage_date,
    o.label::varchar(64) AS organization,
    m.model_name::varchar(255) AS model,
    sum(r.requests)::bigint AS requests,
    sum(r.input_tokens)::bigint AS input_tokens,
    sum(r.input_cached_tokens)::bigint AS input_cached_tokens,
    sum(r.input_cache_write_tokens)::bigint AS input_cache_write_tokens,
    sum(r.input_uncached_tokens)::bigint AS input_uncached_tokens,
    sum(r.output_tokens)::bigint AS output_tokens,
    sum(r.input_audio_tokens)::bigint AS input_audio_tokens,
    sum(r.output_audio_tokens)::bigint AS output_audio_tokens,
    sum(r.input_image_tokens)::bigint AS input_image_tokens,
    sum(r.output_image_tokens)::bigint AS output_image_tokens,
    CASE
        WHEN abs(sum(r.input_cached_tokens)) < 1000 * abs(sum(r.cacheable_input_tokens))
            THEN sum(r.input_cached_tokens) / sum(r.cacheable_input_tokens)
    END::numeric(12, 6) AS cached_share,
    CASE
        WHEN
            abs(coalesce(sum(coalesce(r.input_tokens, 0) + coalesce(r.output_tokens, 0)) FILTER (WHERE r.batch), 0))
            < 1000 * abs(sum(coalesce(r.input_tokens, 0) + coalesce(r.output_tokens, 0)) FILTER (WHERE r.batch IS NOT NULL))
            THEN
                coalesce(sum(coalesce(r.input_tokens, 0) + coalesce(r.output_tokens, 0)) FILTER (WHERE r.batch), 0)
                / sum(coalesce(r.input_tokens, 0) + coalesce(r.output_tokens, 0)) FILTER (WHERE r.batch IS NOT NULL)
    END::numeric(12, 6) AS batch_share,
    bool_and(coalesce(c.is_complete, false)) AS is_complete,
    min(coalesce(c.finality, 'open'))::varchar(16) AS finality,
    coalesce(sum(r.input_tokens) + sum(r.output_tokens), sum(r.input_tokens), sum(r.output_tokens))::bigint AS total_tokens
FROM warehouse.rollup_usage_by_model r
JOIN warehouse.dim_organization o ON o.organization_id = r.organization_id
LEFT JOIN warehouse.model_names m ON m.model = r.model
LEFT JOIN ops.coverage c
    ON c.organization_id = r.organization_id AND c.endpoint = r.endpoint AND c.bucket_width = 1440
    AND c.bucket_start = r.usage_date::timestamp AT TIME ZONE 'UTC'
WHERE r.input_tokens IS NOT NULL OR r.output_tokens IS NOT NULL
GROUP BY r.usage_date, o.label, m.model_name
