-- The current name of each user. DISTINCT proves uniqueness to the planner: a query that selects no name looks none up.
SELECT DISTINCT ON (n.organization_id, n.user_id)
    n.organization_id,
    n.user_id,
    n.user_name,
    n.user_email
FROM warehouse.dim_user n
WHERE n.valid_to IS NULL
