-- One row per organization, UTC day and model: tokens by class, with the shares that came from the cache and from batches.
-- Refreshed by every load of day buckets. Tokens can be added up; shares cannot.
SELECT
    u.usage_date,
    u.organization,
    u.model,
    sum(u.requests)::bigint AS requests,
    sum(u.input_tokens)::bigint AS input_tokens,
    sum(u.input_cached_tokens)::bigint AS input_cached_tokens,
    sum(u.input_cache_write_tokens)::bigint AS input_cache_write_tokens,
    sum(u.input_uncached_tokens)::bigint AS input_uncached_tokens,
    sum(u.output_tokens)::bigint AS output_tokens,
    sum(u.input_audio_tokens)::bigint AS input_audio_tokens,
    sum(u.output_audio_tokens)::bigint AS output_audio_tokens,
    sum(u.input_image_tokens)::bigint AS input_image_tokens,
    sum(u.output_image_tokens)::bigint AS output_image_tokens,
    (sum(u.input_cached_tokens) / nullif(sum(u.input_tokens) FILTER (WHERE u.input_cached_tokens IS NOT NULL), 0))::numeric(12, 6) AS cached_share,
    (
        coalesce(sum(coalesce(u.input_tokens, 0) + coalesce(u.output_tokens, 0)) FILTER (WHERE u.is_batch), 0)
        / nullif(sum(coalesce(u.input_tokens, 0) + coalesce(u.output_tokens, 0)) FILTER (WHERE u.is_batch IS NOT NULL), 0)
    )::numeric(12, 6) AS batch_share,
    bool_and(u.is_complete) AS is_complete
FROM bi.usage_daily u
WHERE u.input_tokens IS NOT NULL OR u.output_tokens IS NOT NULL
GROUP BY u.usage_date, u.organization, u.model
