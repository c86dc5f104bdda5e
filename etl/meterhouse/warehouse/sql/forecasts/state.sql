-- The last settled day of costs, what the forecasts of that day would be made from, and what those that are stored were made from. Names of
-- keys and users matter once there are teams.
SELECT
    d.as_of_date,
    md5(concat_ws(' ', %(rules)s::text, d.days, t.assignments, CASE WHEN t.assignments IS NOT NULL THEN concat_ws(
        ' ',
        (SELECT max(k.api_key_version_id) FROM warehouse.dim_api_key k WHERE k.organization_id = %(organization_id)s),
        (SELECT max(u.user_version_id) FROM warehouse.dim_user u WHERE u.organization_id = %(organization_id)s)
    ) END)) AS sources,
    (
        SELECT f.sources FROM ops.forecast_days f WHERE f.organization_id = %(organization_id)s AND f.as_of_date = d.as_of_date
    ) AS stored_sources
FROM (
    SELECT max(s.usage_date) AS as_of_date, string_agg(concat_ws(' ', s.usage_date, a.sources), ',' ORDER BY s.usage_date) AS days
    FROM (
        SELECT (c.bucket_start AT TIME ZONE 'UTC')::date AS usage_date
        FROM ops.coverage c
        WHERE c.organization_id = %(organization_id)s AND c.endpoint = 'costs' AND c.bucket_width = 1440 AND c.is_complete
            AND c.bucket_start > (
                SELECT max(l.bucket_start) - make_interval(days => %(days)s)
                FROM ops.coverage l
                WHERE l.organization_id = %(organization_id)s AND l.endpoint = 'costs' AND l.bucket_width = 1440 AND l.is_complete
            )
    ) s
    LEFT JOIN ops.allocated_days a ON a.organization_id = %(organization_id)s AND a.usage_date = s.usage_date
) d
CROSS JOIN (
    SELECT string_agg(concat_ws(' ', w.kind, w.value, w.team, w.valid_from, w.valid_to), ',' ORDER BY w.assignment_id) AS assignments
    FROM warehouse.owner_assignments w
    WHERE w.organization_id IS NULL OR w.organization_id = %(organization_id)s
) t
WHERE d.as_of_date IS NOT NULL
