-- The current name of each project. DISTINCT proves uniqueness to the planner: a query that selects no name looks none up.
SELECT DISTINCT ON (p.organization_id, p.project_id)
    p.organization_id,
    p.project_id,
    p.project_name
FROM warehouse.dim_project p
WHERE p.valid_to IS NULL
