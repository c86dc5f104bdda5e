-- Requests per hour
-- Model requests of each UTC hour, as far as hour buckets are loaded. Web searches are left out, as in requests by project.
SELECT
    u.bucket_start_utc,
    u.bucket_at,
    (sum(u.requests) FILTER (WHERE u.endpoint NOT IN (place.repeating_requests())))::bigint AS requests
FROM bi.usage_hourly_by_project u
WHERE u.requests IS NOT NULL AND place.days(u.usage_date) AND place.project(u.project_name, u.project_id)
GROUP BY 1, 2
ORDER BY 1
