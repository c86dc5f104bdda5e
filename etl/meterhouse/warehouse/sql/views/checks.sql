-- One row per check: its latest result. A check that found something says where.
-- Refreshed by every run of the checks. Findings cannot be added up across checks.
SELECT DISTINCT ON (r.check_name)
    r.check_name::varchar(63) AS check_name,
    r.severity::varchar(16) AS severity,
    r.is_ok,
    r.findings::bigint AS finding_count,
    r.detail::varchar(1000) AS detail,
    (r.checked_at AT TIME ZONE 'UTC') AS checked_at_utc
FROM ops.check_results r
ORDER BY r.check_name, r.check_result_id DESC
