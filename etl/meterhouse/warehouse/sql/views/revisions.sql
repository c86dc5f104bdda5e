-- One row per restated row and figure: what a later answer from the vendor changed or removed, or added to a settled day of costs.
-- Includes the growth of buckets that were not over yet; is_restatement is false for those rows. Refreshed by every load.
-- Values can be added up within one endpoint, metric and currency.
SELECT
    (r.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
    (r.bucket_start AT TIME ZONE 'UTC') AS bucket_start_utc,
    r.bucket_start AS bucket_at,
    (r.recorded_at AT TIME ZONE 'UTC') AS recorded_at_utc,
    o.label::varchar(64) AS organization,
    r.endpoint::varchar(64) AS endpoint,
    CASE r.bucket_width WHEN 1440 THEN '1d' WHEN 60 THEN '1h' ELSE '1m' END::varchar(2) AS bucket_width,
    coalesce(g.project_id, cg.project_id, ug.project_id)::varchar(128) AS project_id,
    p.project_name::varchar(255) AS project_name,
    coalesce(g.user_id, ug.user_id)::varchar(128) AS user_id,
    coalesce(g.api_key_id, cg.api_key_id, ug.api_key_id)::varchar(128) AS api_key_id,
    m.model_name::varchar(255) AS model,
    coalesce(cg.line_item, ug.line_item)::varchar(255) AS line_item,
    {currency:coalesce(cg.currency, ug.currency)},
    r.change::varchar(16) AS change,
    r.was_complete AS is_restatement,
    v.metric::varchar(64) AS metric,
    {figure:v.old_value} AS old_value,
    {figure:v.new_value} AS new_value,
    r.revision_id,
    g.model::varchar(255) AS model_reported
FROM ops.revisions r
JOIN warehouse.dim_organization o ON o.organization_id = r.organization_id
LEFT JOIN warehouse.dim_group g ON g.group_id = r.group_id AND r.endpoint NOT IN ('costs', 'costs_by_user')
LEFT JOIN warehouse.dim_cost_group cg ON cg.group_id = r.group_id AND r.endpoint = 'costs'
LEFT JOIN warehouse.dim_cost_by_user_group ug ON ug.group_id = r.group_id AND r.endpoint = 'costs_by_user'
LEFT JOIN warehouse.dim_project p
    ON p.organization_id = r.organization_id AND p.project_id = coalesce(g.project_id, cg.project_id, ug.project_id) AND p.valid_to IS NULL
LEFT JOIN warehouse.model_names m ON m.model = g.model
CROSS JOIN LATERAL (
    SELECT
        n.metric,
        CASE WHEN jsonb_typeof(r.old_values -> n.metric) = 'number' THEN (r.old_values ->> n.metric)::numeric END AS old_value,
        CASE WHEN jsonb_typeof(r.new_values -> n.metric) = 'number' THEN (r.new_values ->> n.metric)::numeric END AS new_value
    FROM jsonb_object_keys(r.old_values || coalesce(r.new_values, '{{}}'::jsonb)) AS n (metric)
) v
WHERE v.old_value IS DISTINCT FROM v.new_value
