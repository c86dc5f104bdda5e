-- The projects granted to the querying role, directly or through a role that it is a member of; null is a whole organization.
SELECT o.organization_id, a.project_id
FROM ops.team_access a
JOIN warehouse.dim_organization o ON o.label = a.organization
JOIN pg_catalog.pg_roles r ON r.rolname = a.role_name
WHERE pg_has_role(current_user, r.oid, 'USAGE')
