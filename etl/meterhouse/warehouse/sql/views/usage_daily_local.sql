-- One row per organization, day in the local time zone, endpoint and combination of dimensions: the sum of the hours that begin on that day.
-- Local days match neither the invoice nor any other view here, because the vendor counts and bills UTC days. Covers only days with loaded hours.
-- Refreshed by every load of hour buckets. Measures can be added up over all dimensions and days, except storage_bytes, the highest level of the day.
WITH named AS (
    SELECT
        g.*,
        o.label,
        p.project_name,
        n.user_name,
        n.user_email,
        k.api_key_name,
        m.model_name
    FROM warehouse.dim_group g
    JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id
    LEFT JOIN warehouse.model_names m ON m.model = g.model
    LEFT JOIN warehouse.dim_project p ON p.organization_id = g.organization_id AND p.project_id = g.project_id AND p.valid_to IS NULL
    LEFT JOIN warehouse.dim_user n ON n.organization_id = g.organization_id AND n.user_id = g.user_id AND n.valid_to IS NULL
    LEFT JOIN warehouse.dim_api_key k ON k.organization_id = g.organization_id AND k.api_key_id = g.api_key_id AND k.valid_to IS NULL
    -- Materialized: the planner expects 200 sums per day and would look up the combination of each through its key.
    OFFSET 0
)

SELECT
    u.usage_date_local,
    {time_zone}::varchar(64) AS time_zone,
    g.label::varchar(64) AS organization,
    g.endpoint::varchar(64) AS endpoint,
    g.project_id::varchar(128) AS project_id,
    g.project_name::varchar(255) AS project_name,
    g.user_id::varchar(128) AS user_id,
    g.user_name::varchar(255) AS user_name,
    g.user_email::varchar(255) AS user_email,
    g.api_key_id::varchar(128) AS api_key_id,
    g.api_key_name::varchar(255) AS api_key_name,
    g.model_name::varchar(255) AS model,
    g.batch AS is_batch,
    g.service_tier::varchar(64) AS service_tier,
    {group_attributes},
    {measures},
    coalesce(l.hours = u.hours AND l.finality >= 'settled', false) AS is_complete,
    -- A day with an hour that was not loaded is not over for its reader.
    CASE WHEN l.hours = u.hours THEN l.finality ELSE 'open' END::varchar(16) AS finality,
    g.model::varchar(255) AS model_reported,
    {total_tokens:u},
    {is_free_tier:g}
FROM (
    -- Added up day by day, by the key of the combination: names are looked up once per sum, and no year of hours is sorted.
    SELECT d.usage_date_local, d.hours, f.*
    FROM warehouse.local_days d
    CROSS JOIN LATERAL (
        SELECT
            u.group_id,
            {sums}
        FROM warehouse.usage_facts u
        WHERE u.bucket_width = 60 AND u.bucket_start >= d.first_start AND u.bucket_start < d.next_start
        GROUP BY u.group_id
    ) f
) u
JOIN named g ON g.group_id = u.group_id
LEFT JOIN warehouse.loaded_local_days l
    ON l.organization_id = g.organization_id AND l.endpoint = g.endpoint AND l.usage_date_local = u.usage_date_local
