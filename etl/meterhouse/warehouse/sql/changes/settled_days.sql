-- The settled days of an organization's costs, and what state the allocation of each was made from: it changes with what was billed.
SELECT (c.bucket_start AT TIME ZONE 'UTC')::date AS usage_date, a.sources
FROM ops.coverage c
LEFT JOIN ops.allocated_days a
    ON a.organization_id = c.organization_id AND a.usage_date = (c.bucket_start AT TIME ZONE 'UTC')::date
WHERE c.organization_id = %(organization_id)s AND c.endpoint = 'costs' AND c.bucket_width = 1440 AND c.is_complete
ORDER BY 1
