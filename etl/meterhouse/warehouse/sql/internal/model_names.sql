-- Every reported model and the name under which it is shown: the alias of the reported model, or of its name, or else its name by rule.
SELECT DISTINCT ON (m.model)
    m.model,
    coalesce(m.canonical_model, lower(m.model)) AS canonical_model,
    coalesce(by_word.shown_as, by_name.shown_as, m.canonical_model, lower(m.model)) AS model_name
FROM warehouse.dim_model m
LEFT JOIN warehouse.model_alias by_word ON by_word.model = lower(m.model)
LEFT JOIN warehouse.model_alias by_name ON by_name.model = m.canonical_model
-- Joined as a separate table: to the planner, a filter on a name is then a filter on a column of a small table, not on an expression over facts.
-- A text in quotes: with a number, which PostgreSQL converts only later, no query on it would use a second process.
OFFSET '0'
