-- Every price that may be in force for an organization, list and contract, with the key that lines of the bill and usage are priced by.
SELECT
    p.*,
    coalesce(p.tier, 'standard') AS priced_tier,
    coalesce(p.context_band, '') AS band,
    coalesce(p.valid_from, '-infinity'::date) AS first_date,
    coalesce(p.valid_to, 'infinity'::date) AS end_date
FROM (
    SELECT
        c.organization_id, 'contract' AS price_kind, c.line_item, c.model, c.feature, c.tier, c.is_batch, c.direction, c.modality,
        c.context_band, c.unit, c.subject, c.price_class, c.price, c.currency, c.valid_from, c.valid_to, c.source, c.note
    FROM warehouse.contract_price c
    UNION ALL
    SELECT
        o.organization_id, CASE WHEN l.valid_from IS NULL THEN 'list_undated' ELSE 'list' END, NULL, l.model, l.feature, l.tier, l.is_batch,
        l.direction, l.modality, l.context_band, l.unit, l.subject, l.price_class, l.price, l.currency, l.valid_from, l.valid_to, l.source, NULL
    FROM warehouse.list_price l
    JOIN warehouse.dim_organization o ON o.vendor = l.vendor
) p
