-- Requests by project
-- Model requests by project. Web searches are left out, because the model's own endpoint counts the requests that carried them.
SELECT
    coalesce(u.project_name, u.project_id, '(none)')::varchar(255) AS project,
    (sum(u.requests) FILTER (WHERE u.endpoint NOT IN (place.repeating_requests())))::bigint AS requests
FROM bi.usage_daily_by_model u
WHERE u.requests IS NOT NULL AND place.days(u.usage_date) AND place.project(u.project_name, u.project_id)
GROUP BY 1
ORDER BY 2 DESC NULLS LAST, 1
