-- Every line item with its parts and the name of its model.
SELECT
    l.line_item,
    m.model_name,
    l.tier,
    l.surface,
    l.modality,
    l.direction,
    l.context_band,
    l.feature,
    coalesce(l.category, 'unknown') AS category,
    l.category_note,
    coalesce(l.is_parsed, false) AS is_parsed
FROM warehouse.dim_line_item l
LEFT JOIN warehouse.model_names m ON m.model = l.model
