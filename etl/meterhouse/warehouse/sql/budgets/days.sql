-- Every UTC day whose costs were read: whether it is settled, and the digest of what its costs were allocated from.
SELECT
    (c.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
    c.is_complete,
    a.sources
FROM ops.coverage c
LEFT JOIN ops.allocated_days a
    ON a.organization_id = c.organization_id AND a.usage_date = (c.bucket_start AT TIME ZONE 'UTC')::date
WHERE c.organization_id = %(organization_id)s AND c.endpoint = 'costs' AND c.bucket_width = 1440
ORDER BY 1
