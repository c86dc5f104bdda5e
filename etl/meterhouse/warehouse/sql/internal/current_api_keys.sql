-- The current name of each API key. DISTINCT proves uniqueness to the planner: a query that selects no name looks none up.
SELECT DISTINCT ON (k.organization_id, k.api_key_id)
    k.organization_id,
    k.api_key_id,
    k.api_key_name
FROM warehouse.dim_api_key k
WHERE k.valid_to IS NULL
