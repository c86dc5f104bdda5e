-- One row per organization and API key, user or service account that the vendor lists: the last day on which it was used, and for how many days it
-- has not been. Only days that are loaded count, and only usage that names its caller. Refreshed by every load of names or day buckets.
-- There are no figures to add up.
SELECT
    o.label::varchar(64) AS organization,
    d.caller_kind::varchar(64) AS caller_kind,
    d.caller_id::varchar(128) AS caller_id,
    d.caller_name::varchar(255) AS caller_name,
    d.user_email::varchar(255) AS user_email,
    d.owner_name::varchar(255) AS owner_name,
    d.project_id::varchar(128) AS project_id,
    q.project_name::varchar(255) AS project_name,
    (d.created_at AT TIME ZONE 'UTC') AS caller_created_at_utc,
    d.last_used_date,
    l.first_date AS first_loaded_date,
    l.last_date AS last_loaded_date,
    CASE
        WHEN l.last_date IS NOT NULL
            THEN greatest(0, l.last_date - coalesce(d.last_used_date, greatest(l.first_date, (d.created_at AT TIME ZONE 'UTC')::date)))
    END::bigint AS unused_days,
    l.last_date - coalesce(d.last_used_date, greatest(l.first_date, (d.created_at AT TIME ZONE 'UTC')::date)) >= 30 AS is_dormant
FROM (
    SELECT
        k.organization_id, 'api_key' AS caller_kind, k.api_key_id AS caller_id, k.api_key_name AS caller_name, NULL AS user_email, k.owner_name,
        k.project_id, k.created_at, u.last_used_date
    FROM warehouse.dim_api_key k
    LEFT JOIN (
        SELECT r.organization_id, r.api_key_id, max(r.usage_date) AS last_used_date
        FROM warehouse.rollup_usage_by_api_key r
        GROUP BY r.organization_id, r.api_key_id
    ) u ON u.organization_id = k.organization_id AND u.api_key_id = k.api_key_id
    WHERE k.valid_to IS NULL AND k.deleted_at IS NULL
    UNION ALL
    SELECT
        n.organization_id, coalesce(n.user_kind, 'user'), n.user_id, n.user_name, n.user_email, NULL, n.project_id, n.created_at, u.last_used_date
    FROM warehouse.dim_user n
    LEFT JOIN (
        SELECT r.organization_id, r.user_id, max(r.usage_date) AS last_used_date
        FROM warehouse.rollup_usage_by_user r
        GROUP BY r.organization_id, r.user_id
    ) u ON u.organization_id = n.organization_id AND u.user_id = n.user_id
    WHERE n.valid_to IS NULL AND n.deleted_at IS NULL
) d
JOIN warehouse.dim_organization o ON o.organization_id = d.organization_id
LEFT JOIN warehouse.current_projects q ON q.organization_id = d.organization_id AND q.project_id = d.project_id
-- Loaded is what every endpoint with callers is; one that was left behind for more than a week is not loaded any more.
LEFT JOIN (
    SELECT
        e.organization_id,
        min(e.first_date) AS first_date,
        min(e.last_date) FILTER (WHERE e.last_date >= e.newest_date - 7) AS last_date
    FROM (
        SELECT
            c.organization_id,
            min((c.bucket_start AT TIME ZONE 'UTC')::date) AS first_date,
            max((c.bucket_start AT TIME ZONE 'UTC')::date) AS last_date,
            max(max((c.bucket_start AT TIME ZONE 'UTC')::date)) OVER (PARTITION BY c.organization_id) AS newest_date
        FROM ops.coverage c
        WHERE c.endpoint NOT IN ({without_caller}, 'costs', 'costs_by_user') AND c.bucket_width = 1440
        GROUP BY c.organization_id, c.endpoint
    ) e
    GROUP BY e.organization_id
) l ON l.organization_id = d.organization_id
