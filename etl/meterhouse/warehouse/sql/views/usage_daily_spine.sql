-- One row per organization, UTC day, endpoint and project, without gaps from the first to the last loaded day of the endpoint: for line
-- charts. 0 means that the day was loaded and had no usage; null means that the day was not loaded, or that the endpoint lacks this figure.
-- Totals equal those of usage_daily. Refreshed by every load of day buckets. Measures can be added up over all dimensions and days, except
-- storage_bytes, which is a level.
WITH span AS (
    SELECT
        c.organization_id,
        c.endpoint,
        min(c.bucket_start) AS first_start,
        max(c.bucket_start) AS last_start
    FROM ops.coverage c
    WHERE c.bucket_width = 1440
    GROUP BY c.organization_id, c.endpoint
),

member AS (
    SELECT DISTINCT g.organization_id, g.endpoint, g.project_id
    FROM warehouse.dim_group g
),

daily AS (
    SELECT
        u.usage_date,
        u.organization_id,
        u.endpoint,
        coalesce(u.project_id, '') AS project_id,
        {sums}
    FROM warehouse.rollup_usage_by_model u
    GROUP BY 1, 2, 3, 4
)

SELECT
    (day.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
    o.label::varchar(64) AS organization,
    m.endpoint::varchar(64) AS endpoint,
    m.project_id::varchar(128) AS project_id,
    p.project_name::varchar(255) AS project_name,
    {or_zero},
    coalesce(c.is_complete, false) AS is_complete,
    c.finality::varchar(16) AS finality,
    {total_or_zero}
FROM span s
JOIN member m ON m.organization_id = s.organization_id AND m.endpoint = s.endpoint
JOIN warehouse.dim_organization o ON o.organization_id = s.organization_id
CROSS JOIN LATERAL generate_series(s.first_start, s.last_start, interval '24 hours') AS day (bucket_start)
LEFT JOIN ops.coverage c
    ON c.organization_id = s.organization_id AND c.endpoint = s.endpoint AND c.bucket_width = 1440 AND c.bucket_start = day.bucket_start
LEFT JOIN daily d
    ON d.usage_date = (day.bucket_start AT TIME ZONE 'UTC')::date AND d.organization_id = s.organization_id AND d.endpoint = m.endpoint
    AND d.project_id = coalesce(m.project_id, '')
LEFT JOIN warehouse.dim_project p
    ON p.organization_id = s.organization_id AND p.project_id = m.project_id AND p.valid_to IS NULL
