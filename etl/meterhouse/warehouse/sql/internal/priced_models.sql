-- Every word for a model with the name that price lists have for it: the word itself, or its name by rule, or the alias that was set for it.
SELECT DISTINCT ON (m.model)
    m.model,
    m.model_name,
    m.canonical_model,
    p.model AS list_model
FROM warehouse.model_names m
LEFT JOIN (SELECT DISTINCT l.model FROM warehouse.list_price l) p ON p.model IN (lower(m.model), m.canonical_model, m.model_name)
ORDER BY m.model, p.model = lower(m.model) DESC, p.model = m.canonical_model DESC
