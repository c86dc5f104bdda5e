-- How many hours of each local day are loaded, and the least final one.
SELECT
    c.organization_id,
    c.endpoint,
    (c.bucket_start AT TIME ZONE {time_zone})::date AS usage_date_local,
    count(*) AS hours,
    min(c.finality) AS finality
FROM ops.coverage c
WHERE c.bucket_width = 60
GROUP BY 1, 2, 3
