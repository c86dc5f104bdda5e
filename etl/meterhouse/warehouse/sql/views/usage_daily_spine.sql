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

-- Made once: otherwise it is made on every day.
member AS MATERIALIZED (
    SELECT g.*, s.first_start, s.last_start
    FROM (
        SELECT DISTINCT g.organization_id, o.label, g.endpoint, g.project_id
        FROM warehouse.dim_group g
        JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id
    ) g
    -- A left join, though rows without a span are dropped below: of an inner one the planner expects a single row.
    LEFT JOIN span s ON s.organization_id = g.organization_id AND s.endpoint = g.endpoint
)

SELECT
    (d.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
    d.label::varchar(64) AS organization,
    d.endpoint::varchar(64) AS endpoint,
    d.project_id::varchar(128) AS project_id,
    p.project_name::varchar(255) AS project_name,
    {or_zero},
    coalesce(c.is_complete, false) AS is_complete,
    c.finality::varchar(16) AS finality,
    {total_or_zero}
FROM (
    -- Day by day: a range of days adds up only these, and what a day adds up stays in the processor's cache.
    SELECT day.bucket_start, f.*
    FROM generate_series(
        (SELECT min(s.first_start) FROM span s), (SELECT max(s.last_start) FROM span s), interval '24 hours'
    ) AS day (bucket_start)
    CROSS JOIN LATERAL (
        SELECT m.organization_id, m.label, m.endpoint, m.project_id, u.endpoint IS NOT NULL AS has_usage, {measures}
        FROM member m
        LEFT JOIN (
            SELECT
                u.organization_id,
                u.endpoint,
                coalesce(u.project_id, '') AS project_id,
                {sums}
            FROM warehouse.rollup_usage_by_model u
            WHERE u.usage_date = (day.bucket_start AT TIME ZONE 'UTC')::date
            GROUP BY 1, 2, 3
        ) u ON u.organization_id = m.organization_id AND u.endpoint = m.endpoint AND u.project_id = coalesce(m.project_id, '')
        WHERE m.first_start <= day.bucket_start AND m.last_start >= day.bucket_start
        OFFSET '0'
    ) f
) d
LEFT JOIN ops.coverage c
    ON c.organization_id = d.organization_id AND c.endpoint = d.endpoint AND c.bucket_width = 1440 AND c.bucket_start = d.bucket_start
LEFT JOIN warehouse.current_projects p ON p.organization_id = d.organization_id AND p.project_id = d.project_id
