-- The UTC days of a range whose costs are settled.
SELECT (c.bucket_start AT TIME ZONE 'UTC')::date AS usage_date
FROM ops.coverage c
WHERE c.organization_id = %(organization_id)s AND c.endpoint = 'costs' AND c.bucket_width = 1440 AND c.is_complete
    AND c.bucket_start >= %(first)s::timestamp AT TIME ZONE 'UTC' AND c.bucket_start <= %(last)s::timestamp AT TIME ZONE 'UTC'
