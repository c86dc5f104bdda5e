-- One row per organization, UTC day, line item and currency: what the line cost per unit (billed amount divided by billed quantity), next to
-- the contract price and the list price of the day. A price that is not known is null, with the reason; nothing is guessed.
-- Refreshed by every load of costs. cost can be added up within one currency; prices and percentages cannot.
SELECT
    d.usage_date,
    o.label::varchar(64) AS organization,
    d.line_item::varchar(255) AS line_item,
    l.model_name::varchar(255) AS model,
    d.cost::numeric(28, 12) AS cost,
    {currency:d.currency},
    {figure:d.quantity} AS quantity,
    d.quantity_unit::varchar(64) AS quantity_unit,
    d.unit::varchar(64) AS price_unit,
    {figure:d.effective_price} AS effective_price,
    d.no_price_reason::varchar(255) AS no_price_reason,
    d.mixed_with IS NOT NULL AS is_mixed,
    d.mixed_with::varchar(255) AS mixed_with,
    {figure:a.price} AS contract_price,
    {figure:b.price} AS list_price,
    CASE
        WHEN a.price IS NOT NULL THEN 'contract'
        WHEN b.price IS NOT NULL THEN CASE WHEN b.is_undated THEN 'list_undated' ELSE 'list' END
    END::varchar(32) AS price_kind,
    {percent:d.effective_price, coalesce(a.price, b.price)} AS difference_percent,
    d.is_complete,
    d.finality::varchar(16) AS finality,
    l.tier::varchar(64) AS tier,
    l.direction::varchar(64) AS direction,
    l.modality::varchar(64) AS modality,
    l.context_band::varchar(255) AS context_band,
    l.category::varchar(32) AS category
FROM warehouse.line_prices_daily d
JOIN warehouse.dim_organization o ON o.organization_id = d.organization_id
LEFT JOIN warehouse.line_item_names l ON l.line_item = d.line_item
-- Looked up row by row, as there are a handful for each through their indexes; spans of days do not overlap.
CROSS JOIN LATERAL (
    SELECT max(c.price) AS price
    FROM warehouse.contract_price c
    WHERE c.organization_id = d.organization_id AND c.subject = d.subject AND c.price_class = d.price_class
    AND coalesce(c.tier, 'standard') = d.priced_tier AND c.is_batch = d.is_batch AND coalesce(c.context_band, '') = d.band
    AND c.currency = d.currency AND d.usage_date >= c.valid_from AND d.usage_date < coalesce(c.valid_to, 'infinity')
) a
CROSS JOIN LATERAL (
    SELECT max(p.price) AS price, bool_or(p.valid_from IS NULL) AS is_undated
    FROM warehouse.list_price p
    WHERE p.subject = d.list_subject AND p.price_class = d.price_class AND p.vendor = o.vendor
    AND coalesce(p.tier, 'standard') = d.priced_tier AND p.is_batch = d.is_batch AND coalesce(p.context_band, '') = d.band
    AND p.currency = d.currency
    AND d.usage_date >= coalesce(p.valid_from, '-infinity') AND d.usage_date < coalesce(p.valid_to, 'infinity')
) b
