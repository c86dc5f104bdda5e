-- severity: warn
-- The parts of input or output tokens do not add up to the whole in a row that has all the parts.
SELECT format('%%s/%%s on %%s: %%s rows', u.organization, u.endpoint, u.usage_date, count(*))
FROM bi.usage_daily u
WHERE u.input_tokens <> u.input_cached_tokens + u.input_cache_write_tokens + u.input_uncached_tokens
OR u.input_uncached_tokens <> u.input_text_tokens + u.input_audio_tokens + u.input_image_tokens
OR u.output_tokens <> u.output_text_tokens + u.output_audio_tokens + u.output_image_tokens
GROUP BY u.organization, u.endpoint, u.usage_date
ORDER BY 1
