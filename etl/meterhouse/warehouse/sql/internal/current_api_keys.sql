-- The name that each API key has now. Distinct, so that the planner can prove it: a question that asks for no name looks none up.
SELECT DISTINCT ON (k.organization_id, k.api_key_id)
    k.organization_id,
    k.api_key_id,
    k.api_key_name
FROM warehouse.dim_api_key k
WHERE k.valid_to IS NULL
