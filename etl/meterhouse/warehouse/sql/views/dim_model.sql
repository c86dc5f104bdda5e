-- One row per name of a model, with a member (none) for rows without one: the dimension of the star. A name covers all words that the vendor
-- has for the model. Refreshed by every load that meets a new word, and by aliases. It has no figures to add up.
SELECT
    ({key:m.model_name})::varchar(255) AS model_key,
    m.model_name::varchar(255) AS model,
    min(m.canonical_model)::varchar(255) AS model_family
FROM warehouse.model_names m
GROUP BY m.model_name
UNION ALL
SELECT '(none)'::varchar(255), '(none)'::varchar(255), '(none)'::varchar(255)
