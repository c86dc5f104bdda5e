-- What each line of the bill cost per unit on each day, with the key that it is priced by, and what else of the day's usage is billed on it.
WITH line AS (
    SELECT
        l.line_item,
        l.tier,
        l.direction,
        l.modality,
        l.category,
        coalesce(l.context_band, '') AS band,
        CASE WHEN l.tier IS NULL OR l.tier = 'batch' THEN 'standard' ELSE l.tier END AS priced_tier,
        l.tier IS NOT DISTINCT FROM 'batch' AS is_batch,
        -- What a surface such as evals is billed for has no price of its own.
        CASE WHEN {price_feature:l} IS NOT NULL OR l.surface IS NULL THEN coalesce({price_feature:l}, m.canonical_model) END AS subject,
        CASE WHEN {price_feature:l} IS NOT NULL OR l.surface IS NULL THEN coalesce({price_feature:l}, m.list_model) END AS list_subject
    FROM warehouse.dim_line_item l
    LEFT JOIN warehouse.priced_models m ON m.model = l.model
),

-- What the day's usage of a model has next to the standard tier, and the bill has no line for.
mixed AS (
    SELECT
        u.organization_id,
        u.usage_date,
        m.canonical_model AS subject,
        string_agg(DISTINCT u.kind, ', ' ORDER BY u.kind) FILTER (WHERE u.kind <> 'standard') AS kinds,
        bool_or(u.has_long_writes) AS has_long_writes
    FROM (
        -- First one row per kind, whatever the projects.
        SELECT
            t.organization_id,
            t.usage_date,
            t.model,
            CASE WHEN t.batch THEN 'batch' ELSE {usage_tier:t} END AS kind,
            bool_or(t.input_cache_write_12h_tokens > 0) AS has_long_writes
        FROM warehouse.rollup_usage_by_tier t
        WHERE (t.input_tokens > 0 OR t.output_tokens > 0)
        AND (t.batch OR {usage_tier:t} <> 'standard' OR t.input_cache_write_12h_tokens > 0)
        AND lower(coalesce(t.service_tier, '')) NOT IN ({free_tiers})
        GROUP BY 1, 2, 3, 4
    ) u
    JOIN warehouse.priced_models m ON m.model = u.model
    WHERE NOT EXISTS (
        SELECT
        FROM warehouse.rollup_costs_by_line_item b
        JOIN line l ON l.line_item = b.line_item
        WHERE b.organization_id = u.organization_id AND b.usage_date = u.usage_date AND l.subject = m.canonical_model AND l.tier = u.kind
    )
    GROUP BY u.organization_id, u.usage_date, m.canonical_model
)

SELECT
    d.organization_id,
    d.usage_date,
    d.line_item,
    d.currency,
    d.cost,
    d.quantity,
    d.quantity_unit,
    d.unit,
    d.subject,
    d.list_subject,
    d.priced_tier,
    d.is_batch,
    d.band,
    {price_class:d} AS price_class,
    CASE WHEN d.no_price_reason IS NULL THEN d.amount * d.size / (d.quantity * d.factor) END AS effective_price,
    d.no_price_reason,
    CASE
        -- Large images cost more than small ones.
        WHEN d.unit = 'image' THEN 'sizes of images'
        WHEN d.unit <> 'million tokens' OR d.priced_tier <> 'standard' OR d.is_batch THEN NULL
        WHEN d.direction = 'cache writes' AND x.has_long_writes THEN concat_ws(', ', x.kinds, '12-hour cache writes')
        ELSE x.kinds
    END AS mixed_with,
    coalesce(c.is_complete, false) AS is_complete,
    coalesce(c.finality, 'open') AS finality
FROM (
    SELECT
        r.*,
        l.tier,
        l.direction,
        l.modality,
        l.band,
        l.priced_tier,
        l.is_batch,
        l.subject,
        l.list_subject,
        i.unit,
        i.size,
        i.factor,
        CASE
            WHEN r.rows_without_cost > 0 THEN 'the vendor left an amount out'
            WHEN r.rows_without_quantity > 0 THEN 'the vendor left a quantity out'
            WHEN r.quantity IS NULL THEN 'the quantities are in more than one unit'
            WHEN r.quantity = 0 THEN 'the quantity is 0'
            WHEN i.unit IS NULL THEN 'the unit of the quantity is not known'
        END AS no_price_reason
    FROM (
        SELECT
            s.organization_id,
            s.usage_date,
            s.line_item,
            s.currency,
            sum(s.amount) AS amount,
            sum(s.cost) AS cost,
            sum(s.rows_without_cost) AS rows_without_cost,
            sum(s.rows_without_quantity) AS rows_without_quantity,
            CASE
                WHEN count(s.quantity) = count(*) AND min(coalesce(s.quantity_unit, '')) = max(coalesce(s.quantity_unit, '')) THEN sum(s.quantity)
            END AS quantity,
            CASE WHEN min(coalesce(s.quantity_unit, '')) = max(coalesce(s.quantity_unit, '')) THEN max(s.quantity_unit) END AS quantity_unit
        FROM warehouse.rollup_costs_by_line_item s
        WHERE s.line_item IS NOT NULL
        GROUP BY s.organization_id, s.usage_date, s.line_item, s.currency
    ) r
    JOIN line l ON l.line_item = r.line_item
    LEFT JOIN (VALUES {price_units}) AS i (quantity_unit, unit, size, factor) ON i.quantity_unit = {vendor_unit:r.quantity_unit, l.category}
) d
LEFT JOIN mixed x ON x.organization_id = d.organization_id AND x.usage_date = d.usage_date AND x.subject = d.subject
LEFT JOIN ops.coverage c
    ON c.organization_id = d.organization_id AND c.endpoint = 'costs' AND c.bucket_width = 1440
    AND c.bucket_start = d.usage_date::timestamp AT TIME ZONE 'UTC'
