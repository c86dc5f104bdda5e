-- The name that each project has now. Distinct, so that the planner can prove it: a question that asks for no name looks none up.
SELECT DISTINCT ON (p.organization_id, p.project_id)
    p.organization_id,
    p.project_id,
    p.project_name
FROM warehouse.dim_project p
WHERE p.valid_to IS NULL
