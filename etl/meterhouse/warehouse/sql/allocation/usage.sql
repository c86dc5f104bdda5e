-- What was used on the days of pieces that are to be spread, by caller, model and tier. Traffic that the vendor gives away weighs nothing.
INSERT INTO allocation_usage (
    usage_date, project_id, user_id, api_key_id, model, canonical_model, endpoint, is_batch, tier, requests, uncached_tokens,
    text_tokens, audio_tokens, image_tokens, cached_tokens, cached_text_tokens, cached_audio_tokens, cached_image_tokens,
    cache_write_tokens, output_tokens, output_text_tokens, output_audio_tokens, output_image_tokens, images, characters, seconds, calls
)
SELECT
    (f.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
    g.project_id,
    g.user_id,
    g.api_key_id,
    g.model,
    m.canonical_model,
    g.endpoint,
    coalesce(g.batch, false),
    regexp_replace(lower(g.service_tier), '-tier$', ''),
    sum(f.requests),
    -- Rows from before the vendor had the figure of its own.
    sum(coalesce(f.input_uncached_tokens, f.input_tokens - coalesce(f.input_cached_tokens, 0) - coalesce(f.input_cache_write_tokens, 0))),
    sum(f.input_text_tokens),
    sum(f.input_audio_tokens),
    sum(f.input_image_tokens),
    sum(f.input_cached_tokens),
    sum(f.input_cached_text_tokens),
    sum(f.input_cached_audio_tokens),
    sum(f.input_cached_image_tokens),
    sum(f.input_cache_write_tokens),
    sum(f.output_tokens),
    sum(f.output_text_tokens),
    sum(f.output_audio_tokens),
    sum(f.output_image_tokens),
    sum(f.images),
    sum(f.characters),
    sum(f.seconds),
    sum(f.tool_calls)
FROM warehouse.usage_facts f
JOIN warehouse.dim_group g ON g.group_id = f.group_id AND g.organization_id = %(organization_id)s
LEFT JOIN warehouse.dim_model m ON m.model = g.model
WHERE f.bucket_width = 1440 AND f.bucket_start >= %(start)s::timestamptz AND f.bucket_start < %(end)s::timestamptz
    AND (f.bucket_start AT TIME ZONE 'UTC')::date IN (SELECT p.usage_date FROM allocation_piece p WHERE p.reason IS NULL AND NOT p.is_billed_by_user)
    AND coalesce(lower(g.service_tier), '') <> ALL (%(free_tiers)s::text [])
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
