SELECT
    m.model::varchar(255) AS model_key,
    m.model::varchar(255) AS model,
    coalesce(m.model_family, m.model)::varchar(255) AS model_family
FROM warehouse.dim_model m
UNION ALL
SELECT '(none)'::varchar(255), '(none)'::varchar(255), '(none)'::varchar(255)
