-- The newest result of every check, those that found something first.
SELECT
    k.check_name,
    k.severity,
    k.is_ok,
    k.finding_count,
    k.checked_at_utc
FROM checks k
ORDER BY k.is_ok, k.check_name
