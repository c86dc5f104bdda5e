-- Contract prices of tools, and of the models that the granted projects used or were billed for.
SELECT t.*
FROM warehouse.contract_price t
WHERE EXISTS (SELECT FROM warehouse.team_scope s WHERE s.organization_id = t.organization_id)
AND (
    t.model IS NULL
    OR EXISTS (SELECT FROM warehouse.team_dim_model m WHERE t.model IN (lower(m.model), m.canonical_model))
)
