-- One row per organization, day in the local time zone, endpoint and project: the figures of usage_daily_local added up in advance, for
-- questions about long ranges. Local days match neither the invoice nor views by UTC day. Covers only days with loaded hours. Refreshed by every
-- load of hour buckets. Measures can be added up over all dimensions and days, except storage_bytes, the highest level of the day.
SELECT
    u.usage_date_local,
    {time_zone}::varchar(64) AS time_zone,
    o.label::varchar(64) AS organization,
    u.endpoint::varchar(64) AS endpoint,
    u.project_id::varchar(128) AS project_id,
    p.project_name::varchar(255) AS project_name,
    {measures},
    coalesce(l.hours = u.hours AND l.finality >= 'settled', false) AS is_complete,
    u.cacheable_input_tokens,
    u.row_count,
    u.rows_without_requests,
    u.rows_without_tokens,
    -- A day with an hour that was not loaded is not over for its reader.
    CASE WHEN l.hours = u.hours THEN l.finality ELSE 'open' END::varchar(16) AS finality,
    {total_tokens:u}
FROM (
    SELECT d.usage_date_local, d.hours, f.*
    FROM warehouse.local_days d
    CROSS JOIN LATERAL (
        SELECT
            u.organization_id,
            u.endpoint,
            u.project_id,
            {sums},
            sum(u.cacheable_input_tokens)::bigint AS cacheable_input_tokens,
            sum(u.row_count)::bigint AS row_count,
            sum(u.rows_without_requests)::bigint AS rows_without_requests,
            sum(u.rows_without_tokens)::bigint AS rows_without_tokens
        FROM warehouse.rollup_usage_by_hour u
        WHERE u.bucket_start >= d.first_start AND u.bucket_start < d.next_start
            -- The UTC days that it touches: their rows lie together.
            AND u.usage_date BETWEEN (d.first_start AT TIME ZONE 'UTC')::date AND (d.next_start AT TIME ZONE 'UTC')::date
        GROUP BY u.organization_id, u.endpoint, u.project_id
    ) f
) u
JOIN warehouse.dim_organization o ON o.organization_id = u.organization_id
LEFT JOIN warehouse.loaded_local_days l
    ON l.organization_id = u.organization_id AND l.endpoint = u.endpoint AND l.usage_date_local = u.usage_date_local
LEFT JOIN warehouse.current_projects p ON p.organization_id = u.organization_id AND p.project_id = u.project_id
