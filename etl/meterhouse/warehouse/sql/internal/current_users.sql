-- The name that each user has now. Distinct, so that the planner can prove it: a question that asks for no name looks none up.
SELECT DISTINCT ON (n.organization_id, n.user_id)
    n.organization_id,
    n.user_id,
    n.user_name,
    n.user_email
FROM warehouse.dim_user n
WHERE n.valid_to IS NULL
