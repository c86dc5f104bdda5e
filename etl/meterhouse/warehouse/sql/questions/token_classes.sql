-- Token classes
-- Tokens of each UTC day by class: input that bypassed the cache, input read from it, input written to it, and output.
SELECT
    u.usage_date,
    sum(u.input_uncached_tokens)::bigint AS input_uncached_tokens,
    sum(u.input_cached_tokens)::bigint AS input_cached_tokens,
    sum(u.input_cache_write_tokens)::bigint AS input_cache_write_tokens,
    sum(u.output_tokens)::bigint AS output_tokens
FROM bi.usage_daily_by_model u
WHERE
    (u.input_tokens IS NOT NULL OR u.output_tokens IS NOT NULL)
    AND place.days(u.usage_date) AND place.project(u.project_name, u.project_id)
GROUP BY 1
ORDER BY 1
