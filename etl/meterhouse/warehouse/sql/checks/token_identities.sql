-- severity: warn
-- In a row of the last 40 days that has all parts of its input, output, cached or cache-write tokens, the parts do not add up to the total.
SELECT format(
    '%%1$s/%%2$s on %%3$s: rows: %%4$s, so read them again with meterhouse backfill --from %%3$s --to %%3$s --only %%2$s,'
    ' or else the vendor counts differently now',
    u.organization, u.endpoint, u.usage_date, count(*)
)
FROM warehouse.usage_named u
WHERE u.bucket_width = 1440 AND u.bucket_at >= date_trunc('day', %(now)s::timestamptz) - interval '40 days'
AND (
    u.input_tokens <> u.input_cached_tokens + u.input_cache_write_tokens + u.input_uncached_tokens
    OR u.input_uncached_tokens <> u.input_text_tokens + u.input_audio_tokens + u.input_image_tokens
    OR u.input_cached_tokens <> u.input_cached_text_tokens + u.input_cached_audio_tokens + u.input_cached_image_tokens
    OR u.input_cache_write_tokens <> u.input_cache_write_30m_tokens + u.input_cache_write_12h_tokens
    OR u.output_tokens <> u.output_text_tokens + u.output_audio_tokens + u.output_image_tokens
)
GROUP BY u.organization, u.endpoint, u.usage_date
ORDER BY u.organization, u.endpoint, u.usage_date
