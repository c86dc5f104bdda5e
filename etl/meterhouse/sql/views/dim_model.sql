-- One row per model name, with a member (none) for rows without one: the dimension of the star.
SELECT
    m.model::varchar(255) AS model_key,
    m.model::varchar(255) AS model,
    m.model_family::varchar(255) AS model_family
FROM warehouse.dim_model m
UNION ALL
SELECT '(none)'::varchar(255), '(none)'::varchar(255), '(none)'::varchar(255)
