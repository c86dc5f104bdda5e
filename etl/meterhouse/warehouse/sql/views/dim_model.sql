-- One row per name of a model, with a member (none) for rows without one: a dimension of the star. One name covers all the names
-- that the vendor uses for the model. Refreshed by every load that finds a new one, and by aliases. There are no figures to add up.
SELECT
    ({key:m.model_name})::varchar(255) AS model_key,
    m.model_name::varchar(255) AS model,
    min(m.canonical_model)::varchar(255) AS model_family
FROM warehouse.model_names m
GROUP BY m.model_name
UNION ALL
SELECT '(none)'::varchar(255), '(none)'::varchar(255), '(none)'::varchar(255)
