-- Usage by user
-- Requests and tokens of each user or service account. (none) is what the vendor attributes to nobody.
SELECT
    coalesce(u.user_name, u.user_email, u.user_id, '(none)')::varchar(255) AS user_label,
    u.user_email,
    (sum(u.requests) FILTER (WHERE u.endpoint NOT IN (place.repeating_requests())))::bigint AS requests,
    sum(u.input_tokens)::bigint AS input_tokens,
    sum(u.output_tokens)::bigint AS output_tokens
FROM bi.usage_daily_by_user u
WHERE
    u.endpoint NOT IN (place.without_caller())
    AND place.days(u.usage_date) AND place.project(u.project_name, u.project_id)
GROUP BY 1, 2
ORDER BY 3 DESC NULLS LAST, 1
