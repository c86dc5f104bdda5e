-- One row per line item, with a member (none) for rows without one: a dimension of the star.
-- Refreshed by every load that finds a new line item. There are no figures to add up.
SELECT
    ({key:l.line_item})::varchar(255) AS line_item_key,
    l.line_item::varchar(255) AS line_item,
    l.surface::varchar(255) AS surface,
    l.model_name::varchar(255) AS line_item_model,
    l.modality::varchar(64) AS modality,
    l.direction::varchar(64) AS direction,
    l.tier::varchar(64) AS tier,
    l.context_band::varchar(255) AS context_band,
    l.feature::varchar(255) AS feature,
    l.category::varchar(32) AS category,
    l.category_note::varchar(255) AS category_note,
    l.is_parsed
FROM warehouse.line_item_names l
UNION ALL
SELECT
    '(none)'::varchar(255), '(none)'::varchar(255), NULL::varchar(255), NULL::varchar(255), NULL::varchar(64), NULL::varchar(64),
    NULL::varchar(64), NULL::varchar(255), NULL::varchar(255), 'unknown'::varchar(32), {no_line_item}::varchar(255), false
