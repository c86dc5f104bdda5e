-- One row per organization and user or service account, with a member (none) for rows without one: a dimension of the star.
-- Users known only from usage are included, with their identifier as name. Refreshed by every load of names. There are no figures to add up.
SELECT
    ({key:o.label, i.user_id})::varchar(255) AS user_key,
    i.user_id::varchar(128) AS user_id,
    coalesce(u.user_name, u.user_email, i.user_id, '(none)')::varchar(255) AS user_name,
    u.user_email::varchar(255) AS user_email,
    u.user_kind::varchar(64) AS user_kind,
    u.role::varchar(64) AS user_role,
    (u.deleted_at AT TIME ZONE 'UTC') AS user_deleted_at_utc
FROM (
    SELECT d.organization_id, d.user_id FROM warehouse.dim_user d
    UNION
    SELECT g.organization_id, g.user_id FROM warehouse.dim_group g
    UNION
    SELECT d.organization_id, NULL FROM warehouse.dim_organization d
) i
JOIN warehouse.dim_organization o ON o.organization_id = i.organization_id
LEFT JOIN warehouse.dim_user u ON u.organization_id = i.organization_id AND u.user_id = i.user_id AND u.valid_to IS NULL
