SELECT
    l.line_item::varchar(255) AS line_item_key,
    l.line_item::varchar(255) AS line_item,
    l.surface::varchar(255) AS surface,
    l.model::varchar(255) AS line_item_model,
    l.modality::varchar(64) AS modality,
    l.direction::varchar(64) AS direction
FROM warehouse.dim_line_item l
UNION ALL
SELECT '(none)'::varchar(255), '(none)'::varchar(255), NULL::varchar(255), NULL::varchar(255), NULL::varchar(64), NULL::varchar(64)
