-- Share of the cache
-- Input tokens of each UTC day that were read from the cache, as a share of the input tokens with known cache data.
SELECT
    u.usage_date,
    CASE
        WHEN abs(sum(u.input_cached_tokens)) < 1000 * abs(sum(u.cacheable_input_tokens))
            THEN sum(u.input_cached_tokens) / sum(u.cacheable_input_tokens)
    END::numeric(12, 6) AS cached_share
FROM bi.usage_daily_by_model u
WHERE u.input_cached_tokens IS NOT NULL AND place.days(u.usage_date) AND place.project(u.project_name, u.project_id)
GROUP BY 1
ORDER BY 1
