-- Tokens by model per day
-- Input and output tokens of each UTC day and model. Input tokens include cached tokens.
SELECT
    u.usage_date,
    coalesce(u.model, '(none)')::varchar(255) AS model,
    sum(u.input_tokens)::bigint AS input_tokens,
    sum(u.output_tokens)::bigint AS output_tokens,
    (coalesce(sum(u.input_tokens), 0) + coalesce(sum(u.output_tokens), 0))::bigint AS tokens
FROM bi.usage_daily_by_model u
WHERE
    (u.input_tokens IS NOT NULL OR u.output_tokens IS NOT NULL)
    AND place.days(u.usage_date) AND place.project(u.project_name, u.project_id)
GROUP BY 1, 2
ORDER BY 1, 2
