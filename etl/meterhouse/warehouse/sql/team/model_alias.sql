-- Aliases of the models that the granted projects used or were billed for.
SELECT a.*
FROM warehouse.model_alias a
WHERE EXISTS (SELECT FROM warehouse.team_dim_model m WHERE a.model IN (lower(m.model), m.canonical_model))
