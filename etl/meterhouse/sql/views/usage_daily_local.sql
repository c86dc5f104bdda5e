-- One row per organization, day of the local time zone, endpoint and combination of dimensions, made of the hours that begin on that day.
-- Local days do not tie to the invoice, nor to any other view here: the vendor counts and bills UTC days. Only days of which hours were loaded.
-- Refreshed by every load of hour buckets. Measures can be added up over all dimensions and days, but for storage_bytes, the day's highest level.
WITH loaded AS (
    SELECT
        c.organization_id,
        c.endpoint,
        (c.bucket_start AT TIME ZONE {time_zone})::date AS usage_date_local,
        count(*) FILTER (WHERE c.is_complete) AS hours
    FROM ops.coverage c
    WHERE c.bucket_width = 60
    GROUP BY 1, 2, 3
)

SELECT
    u.usage_date_local,
    {time_zone}::varchar(64) AS time_zone,
    u.organization,
    u.endpoint,
    u.project_id,
    u.project_name,
    u.user_id,
    u.user_name,
    u.user_email,
    u.api_key_id,
    u.api_key_name,
    u.model,
    u.is_batch,
    u.service_tier,
    {attributes},
    {measures},
    coalesce(
        l.hours = ceil(extract(epoch FROM (u.usage_date_local + 1)::timestamp AT TIME ZONE {time_zone}) / 3600)
        - ceil(extract(epoch FROM u.usage_date_local::timestamp AT TIME ZONE {time_zone}) / 3600),
        false
    ) AS is_complete
FROM (
    SELECT
        (u.bucket_at AT TIME ZONE {time_zone})::date AS usage_date_local,
        u.organization,
        u.endpoint,
        u.project_id,
        u.project_name,
        u.user_id,
        u.user_name,
        u.user_email,
        u.api_key_id,
        u.api_key_name,
        u.model,
        u.is_batch,
        u.service_tier,
        {attributes},
        {sums}
    FROM warehouse.usage_named u
    WHERE u.bucket_width = 60
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, {attributes}
) u
JOIN warehouse.dim_organization o ON o.label = u.organization
LEFT JOIN loaded l ON l.organization_id = o.organization_id AND l.endpoint = u.endpoint AND l.usage_date_local = u.usage_date_local
