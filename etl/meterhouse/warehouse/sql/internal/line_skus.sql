-- What FOCUS calls the SKU of every line of the bill, by the unit of its quantity ('' for none, 'other' for one that is not known): its
-- meter, what is consumed and what is priced, and the key of its list price.
WITH unit (said_unit, consumed_unit, consumed_factor, pricing_unit, pack) AS (
    -- One of the vendor's unit is so many consumed units, and one priced unit is a pack of them.
    VALUES
    ('tokens', 'Tokens', 1, '1000000 Tokens', 1000000),
    ('1000_tokens', 'Tokens', 1000, '1000000 Tokens', 1000000),
    ('calls', 'Requests', 1, '1000 Requests', 1000),
    ('duration_seconds', 'Seconds', 1, 'Seconds', 1),
    ('duration_minutes', 'Minutes', 1, 'Minutes', 1),
    ('duration_hours', 'Hours', 1, 'Hours', 1),
    ('gibibyte_hours', 'GiB-Hours', 1, 'GiB-Hours', 1),
    ('images', 'Images', 1, 'Images', 1),
    ('characters', 'Characters', 1, 'Characters', 1),
    ('sessions', 'Sessions', 1, 'Sessions', 1),
    ('', NULL, NULL, NULL, NULL),
    ('other', NULL, NULL, NULL, NULL)
),

line AS (
    SELECT
        l.line_item,
        l.surface,
        lower(l.model) AS model,
        m.canonical_model,
        l.modality,
        l.direction,
        coalesce(l.tier, 'standard') AS tier,
        CASE WHEN l.tier IS NULL OR l.tier = 'batch' THEN 'standard' ELSE l.tier END AS priced_tier,
        l.tier IS NOT DISTINCT FROM 'batch' AS is_batch,
        coalesce(l.context_band, '') AS band,
        coalesce(l.category, 'unknown') AS category,
        coalesce({price_feature:l}, l.feature, CASE WHEN l.model IS NULL THEN l.line_item END) AS feature,
        CASE WHEN {price_feature:l} IS NOT NULL OR l.surface IS NULL THEN coalesce({price_feature:l}, m.list_model) END AS list_subject
    FROM warehouse.dim_line_item l
    LEFT JOIN warehouse.priced_models m ON m.model = l.model
),

metered AS (
    SELECT
        l.*,
        u.said_unit,
        n.consumed_unit,
        n.consumed_factor::numeric AS consumed_factor,
        n.pricing_unit,
        n.pack::numeric AS pack,
        i.unit,
        i.size,
        i.factor,
        CASE
            WHEN n.consumed_unit IN ('Images', 'Characters', 'Seconds', 'Minutes', 'Hours') THEN n.consumed_unit
            WHEN n.consumed_unit = 'GiB-Hours' THEN 'Vector Storage'
            WHEN n.consumed_unit = 'Sessions' THEN initcap(coalesce(l.feature, l.model)) || ' Sessions'
            WHEN n.consumed_unit = 'Requests' THEN initcap(coalesce(l.feature, l.model)) || ' Calls'
            WHEN l.direction IS NOT NULL OR n.consumed_unit = 'Tokens'
                THEN concat_ws(' ', CASE WHEN l.modality <> 'text' THEN initcap(l.modality) END, initcap(l.direction), 'Tokens')
            WHEN l.category = 'images' THEN 'Images'
            ELSE coalesce(l.feature, 'Unspecified')
        END AS sku_meter
    FROM line l
    CROSS JOIN (SELECT v.said_unit, nullif(v.said_unit, '') AS quantity_unit FROM unit v) u
    LEFT JOIN unit n ON n.said_unit = {vendor_unit:u.quantity_unit, l.category}
    LEFT JOIN (VALUES {price_units}) AS i (quantity_unit, unit, size, factor) ON i.quantity_unit = n.said_unit
)

-- DISTINCT proves to the planner that there is one row per line and unit.
SELECT DISTINCT ON (d.line_item, d.said_unit)
    d.line_item,
    d.said_unit,
    d.category,
    d.consumed_unit,
    d.consumed_factor,
    d.pricing_unit,
    -- The priced quantity, by multiplication: packs are powers of ten.
    d.consumed_factor / d.pack AS priced_factor,
    d.sku_meter,
    concat_ws('/', d.surface, coalesce(d.model, d.feature), d.sku_meter) AS sku_id,
    concat_ws('/', d.surface, coalesce(d.model, d.feature), d.sku_meter, d.tier, nullif(d.band, '')) AS sku_and_tier,
    -- Names of FOCUS 1.5, which is a draft, begin with x_ until it is final.
    jsonb_strip_nulls(
        jsonb_build_object(
            'x_ModelFamily', d.canonical_model,
            'x_ModelId', d.model,
            'x_Surface', d.surface,
            'x_ServiceTier', d.tier,
            'x_ContextBand', nullif(d.band, ''),
            'x_TokenDirection', CASE
                WHEN d.direction IN ('input', 'cached input', 'cache writes') THEN 'Input'
                WHEN d.direction = 'output' THEN 'Output'
            END,
            'x_TokenCacheAction', CASE d.direction WHEN 'cached input' THEN 'Read' WHEN 'cache writes' THEN 'Write' END
        )
    )::text AS sku_price_details,
    concat_ws('|', d.list_subject, {price_class:d}, d.priced_tier, d.is_batch, d.band) AS list_key,
    -- List prices are for their own unit: so many of those is one priced unit.
    d.pack * d.factor / (d.consumed_factor * d.size) AS list_units
FROM metered d
