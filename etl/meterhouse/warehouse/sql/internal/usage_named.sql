-- All usage facts with names joined in; the public usage views select from it.
SELECT
    f.bucket_width,
    (f.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
    (f.bucket_start AT TIME ZONE 'UTC') AS bucket_start_utc,
    f.bucket_start AS bucket_at,
    o.label::varchar(64) AS organization,
    g.endpoint::varchar(64) AS endpoint,
    {dimensions},
    p.project_name::varchar(255) AS project_name,
    n.user_name::varchar(255) AS user_name,
    n.user_email::varchar(255) AS user_email,
    k.api_key_name::varchar(255) AS api_key_name,
    {fact_measures},
    coalesce(c.is_complete, false) AS is_complete,
    coalesce(c.finality, 'open')::varchar(16) AS finality,
    g.model::varchar(255) AS model_reported,
    {is_free_tier:g}
FROM warehouse.usage_facts f
JOIN warehouse.dim_group g ON g.group_id = f.group_id
JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id
LEFT JOIN warehouse.model_names m ON m.model = g.model
LEFT JOIN ops.coverage c
    ON c.organization_id = g.organization_id AND c.endpoint = g.endpoint AND c.bucket_width = f.bucket_width
    AND c.bucket_start = f.bucket_start
LEFT JOIN warehouse.dim_project p ON p.organization_id = g.organization_id AND p.project_id = g.project_id AND p.valid_to IS NULL
LEFT JOIN warehouse.dim_user n ON n.organization_id = g.organization_id AND n.user_id = g.user_id AND n.valid_to IS NULL
LEFT JOIN warehouse.dim_api_key k ON k.organization_id = g.organization_id AND k.api_key_id = g.api_key_id AND k.valid_to IS NULL
