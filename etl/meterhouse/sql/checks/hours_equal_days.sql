-- severity: fail
-- The hours of a day that is complete in both widths do not add up to its day bucket.
WITH complete_days AS (
    SELECT c.organization, c.endpoint, c.usage_date
    FROM bi.coverage c
    WHERE c.bucket_width IN ('1d', '1h') AND c.endpoint <> 'vector_stores'
    GROUP BY c.organization, c.endpoint, c.usage_date
    HAVING count(*) FILTER (WHERE c.bucket_width = '1h' AND c.is_complete) = 24
    AND count(*) FILTER (WHERE c.bucket_width = '1d' AND c.is_complete) = 1
),

hours AS (
    SELECT u.organization, u.endpoint, u.usage_date,
        sum(coalesce(u.requests, 0) + coalesce(u.tool_calls, 0) + coalesce(u.sessions, 0)) AS events,
        sum(coalesce(u.input_tokens, 0) + coalesce(u.output_tokens, 0)) AS tokens
    FROM bi.usage_hourly u
    GROUP BY 1, 2, 3
),

days AS (
    SELECT u.organization, u.endpoint, u.usage_date,
        sum(coalesce(u.requests, 0) + coalesce(u.tool_calls, 0) + coalesce(u.sessions, 0)) AS events,
        sum(coalesce(u.input_tokens, 0) + coalesce(u.output_tokens, 0)) AS tokens
    FROM bi.usage_daily u
    GROUP BY 1, 2, 3
)

SELECT format(
    '%%s/%%s on %%s: hours have %%s events and %%s tokens, the day has %%s and %%s', c.organization, c.endpoint, c.usage_date,
    coalesce(h.events, 0), coalesce(h.tokens, 0), coalesce(d.events, 0), coalesce(d.tokens, 0)
)
FROM complete_days c
LEFT JOIN hours h USING (organization, endpoint, usage_date)
LEFT JOIN days d USING (organization, endpoint, usage_date)
WHERE (coalesce(h.events, 0), coalesce(h.tokens, 0)) <> (coalesce(d.events, 0), coalesce(d.tokens, 0))
ORDER BY 1
