-- One row per organization and project, with a member (none) for rows without one: a dimension of the star. Projects known only from usage
-- or costs are included, with their identifier as name. Refreshed by every load of names. There are no figures to add up.
SELECT
    ({key:o.label, i.project_id})::varchar(255) AS project_key,
    i.project_id::varchar(128) AS project_id,
    coalesce(p.project_name, i.project_id, '(none)')::varchar(255) AS project_name,
    p.status::varchar(64) AS project_status,
    (p.created_at AT TIME ZONE 'UTC') AS project_created_at_utc,
    (p.deleted_at AT TIME ZONE 'UTC') AS project_deleted_at_utc
FROM (
    SELECT d.organization_id, d.project_id FROM warehouse.dim_project d
    UNION
    SELECT g.organization_id, g.project_id FROM warehouse.dim_group g
    UNION
    SELECT g.organization_id, g.project_id FROM warehouse.dim_cost_group g
    UNION
    SELECT d.organization_id, NULL FROM warehouse.dim_organization d
) i
JOIN warehouse.dim_organization o ON o.organization_id = i.organization_id
LEFT JOIN warehouse.dim_project p ON p.organization_id = i.organization_id AND p.project_id = i.project_id AND p.valid_to IS NULL
