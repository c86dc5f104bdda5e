-- One row per model name, with a member (none) for rows without one: the dimension of the star.
-- Refreshed by every load that meets a new name. It has no figures to add up.
SELECT
    m.model::varchar(255) AS model_key,
    m.model::varchar(255) AS model,
    coalesce(m.model_family, m.model)::varchar(255) AS model_family
FROM warehouse.dim_model m
UNION ALL
SELECT '(none)'::varchar(255), '(none)'::varchar(255), '(none)'::varchar(255)
