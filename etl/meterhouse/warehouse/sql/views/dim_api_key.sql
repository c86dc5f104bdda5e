-- One row per organization and API key, with a member (none) for rows without one: a dimension of the star.
-- Keys known only from usage or costs are included, with their identifier as name. Refreshed by every load of names. There are no figures to add up.
SELECT
    ({key:o.label, i.api_key_id})::varchar(255) AS api_key_key,
    i.api_key_id::varchar(128) AS api_key_id,
    coalesce(k.api_key_name, i.api_key_id, '(none)')::varchar(255) AS api_key_name,
    k.project_id::varchar(128) AS api_key_project_id,
    k.owner_id::varchar(128) AS owner_id,
    k.owner_name::varchar(255) AS owner_name,
    k.owner_kind::varchar(64) AS owner_kind,
    k.redacted_value::varchar(64) AS redacted_value,
    (k.deleted_at AT TIME ZONE 'UTC') AS api_key_deleted_at_utc
FROM (
    SELECT d.organization_id, d.api_key_id FROM warehouse.dim_api_key d
    UNION
    SELECT g.organization_id, g.api_key_id FROM warehouse.dim_group g
    UNION
    SELECT g.organization_id, g.api_key_id FROM warehouse.dim_cost_group g
    UNION
    SELECT d.organization_id, NULL FROM warehouse.dim_organization d
) i
JOIN warehouse.dim_organization o ON o.organization_id = i.organization_id
LEFT JOIN warehouse.dim_api_key k ON k.organization_id = i.organization_id AND k.api_key_id = i.api_key_id AND k.valid_to IS NULL
