-- What else a comparison is made from: the names of models, and what is read from the words of the line items.
SELECT md5(concat(
    (SELECT string_agg(concat_ws(' ', n.model, n.canonical_model), ',' ORDER BY n.model COLLATE "C") FROM warehouse.dim_model n),
    (SELECT string_agg(concat_ws(' ', a.model, a.shown_as), ',' ORDER BY a.model COLLATE "C") FROM warehouse.model_alias a)
))
