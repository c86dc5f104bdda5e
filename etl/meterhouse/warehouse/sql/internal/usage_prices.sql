-- The price of every kind of quantity that usage of a model, tier and batch flag had on a day: of the contract; or else what the same line of
-- the bill cost on the newest settled day up to then; or else of the price list.
WITH needed AS (
    SELECT
        d.organization_id,
        d.usage_date,
        d.endpoint,
        d.model,
        d.batch,
        d.service_tier,
        coalesce({usage_feature:d}, m.canonical_model) AS subject,
        coalesce({usage_feature:d}, m.list_model) AS list_subject,
        {usage_tier:d} AS priced_tier,
        coalesce(d.batch, false) AS is_batch,
        lower(coalesce(d.service_tier, '')) IN ({free_tiers}) AS is_free,
        k.currency,
        r.price_class,
        r.is_counted
    FROM (
        SELECT u.organization_id, u.usage_date, u.endpoint, u.model, u.batch, u.service_tier, {is_counted:u}
        FROM warehouse.rollup_usage_by_tier u
        GROUP BY u.organization_id, u.usage_date, u.endpoint, u.model, u.batch, u.service_tier
    ) d
    JOIN warehouse.organization_currencies k ON k.organization_id = d.organization_id
    LEFT JOIN warehouse.priced_models m ON m.model = d.model
    CROSS JOIN LATERAL (VALUES {class_rows}) AS r (price_class, is_counted, is_needed)
    WHERE r.is_needed
),

paid AS (
    SELECT
        d.organization_id, d.subject, d.priced_tier, d.is_batch, d.price_class, d.currency, d.usage_date,
        sum(d.effective_price * d.quantity) / sum(d.quantity) AS price,
        bool_or(d.mixed_with IS NOT NULL) AS is_mixed
    -- Planned without these conditions, whose rows the planner would take for very few.
    FROM (SELECT l.* FROM warehouse.line_prices_daily l OFFSET 0) d
    WHERE d.subject IS NOT NULL AND d.is_complete AND d.effective_price IS NOT NULL AND d.quantity > 0 AND d.band = '' AND d.price_class IS NOT NULL
    GROUP BY d.organization_id, d.subject, d.priced_tier, d.is_batch, d.price_class, d.currency, d.usage_date
),

-- What is paid and what is needed on one line of time, so that each needed row takes over the newest price up to its day: of its own tier, of
-- the standard tier, on whose line the bill may have it, and of batches. Without joins, whose sizes the planner cannot foresee.
known AS (
    SELECT
        k.*,
        max(k.paid_price) OVER own AS own_price,
        bool_or(k.is_mixed) OVER own AS own_is_mixed,
        max(k.paid_price) FILTER (WHERE k.is_standard) OVER standard AS standard_price,
        bool_or(k.is_mixed) FILTER (WHERE k.is_standard) OVER standard AS standard_is_mixed,
        max(k.paid_price) FILTER (WHERE k.is_of_batches) OVER batches AS batch_price
    FROM (
        SELECT
            e.*,
            count(e.paid_price) OVER (
                PARTITION BY e.organization_id, e.subject, e.price_class, e.currency, e.priced_tier, e.is_batch
                ORDER BY e.usage_date, e.is_needed ROWS UNBOUNDED PRECEDING
            ) AS own_days,
            count(e.paid_price) FILTER (WHERE e.is_standard) OVER line AS standard_days,
            count(e.paid_price) FILTER (WHERE e.is_of_batches) OVER line AS batch_days
        FROM (
            SELECT a.*, a.priced_tier = 'standard' AND NOT a.is_batch AS is_standard, a.priced_tier = 'standard' AND a.is_batch AS is_of_batches
            FROM (
                SELECT
                    n.organization_id, n.subject, n.price_class, n.currency, n.priced_tier, n.is_batch, n.usage_date, true AS is_needed,
                    NULL::numeric AS paid_price, NULL::boolean AS is_mixed, n.endpoint, n.model, n.batch, n.service_tier, n.list_subject,
                    n.is_free, n.is_counted
                FROM needed n
                UNION ALL
                SELECT
                    p.organization_id, p.subject, p.price_class, p.currency, p.priced_tier, p.is_batch, p.usage_date, false, p.price, p.is_mixed,
                    NULL, NULL, NULL, NULL, NULL, NULL, NULL
                FROM paid p
            ) a
        ) e
        WINDOW line AS (
            PARTITION BY e.organization_id, e.subject, e.price_class, e.currency ORDER BY e.usage_date, e.is_needed ROWS UNBOUNDED PRECEDING
        )
    ) k
    WINDOW
        own AS (PARTITION BY k.organization_id, k.subject, k.price_class, k.currency, k.priced_tier, k.is_batch, k.own_days),
        standard AS (PARTITION BY k.organization_id, k.subject, k.price_class, k.currency, k.standard_days),
        batches AS (PARTITION BY k.organization_id, k.subject, k.price_class, k.currency, k.batch_days)
),

found AS (
    SELECT
        n.organization_id,
        n.usage_date,
        n.endpoint,
        n.model,
        n.batch,
        n.service_tier,
        n.currency,
        n.price_class,
        n.is_counted,
        CASE
            WHEN n.is_free THEN 0
            ELSE coalesce(contract.price, n.own_price, CASE WHEN n.standard_is_mixed THEN n.standard_price END, list.price)
        END AS price,
        CASE
            WHEN n.is_free THEN 'free_tier'
            WHEN contract.price IS NOT NULL THEN 'contract'
            WHEN n.own_price IS NOT NULL THEN CASE WHEN n.own_is_mixed THEN 'effective_mixed' ELSE 'effective' END
            WHEN n.standard_is_mixed THEN 'effective_mixed'
            WHEN list.price IS NOT NULL THEN CASE WHEN list.is_undated THEN 'list_undated' ELSE 'list' END
        END AS price_source,
        -- What a batch is cheaper by, where one source has both prices.
        coalesce(
            contract.standard_price - contract.batch_price,
            CASE WHEN NOT n.standard_is_mixed THEN n.standard_price - n.batch_price END,
            list.standard_price - list.batch_price
        ) AS batch_difference,
        CASE
            WHEN contract.standard_price - contract.batch_price IS NOT NULL THEN 'contract'
            WHEN NOT n.standard_is_mixed AND n.standard_price - n.batch_price IS NOT NULL THEN 'effective'
            WHEN list.standard_price - list.batch_price IS NOT NULL THEN 'list'
        END AS batch_source
    FROM known n
    JOIN warehouse.dim_organization o ON o.organization_id = n.organization_id
    -- Looked up row by row: each finds a handful through its index.
    CROSS JOIN LATERAL (
        SELECT
            max(c.price) FILTER (WHERE coalesce(c.tier, 'standard') = n.priced_tier AND c.is_batch = n.is_batch) AS price,
            max(c.price) FILTER (WHERE c.tier IS NULL AND NOT c.is_batch) AS standard_price,
            max(c.price) FILTER (WHERE c.tier IS NULL AND c.is_batch) AS batch_price
        FROM warehouse.contract_price c
        WHERE c.organization_id = n.organization_id AND c.subject = n.subject AND c.price_class = n.price_class AND c.context_band IS NULL
        AND c.currency = n.currency AND n.usage_date >= c.valid_from AND n.usage_date < coalesce(c.valid_to, 'infinity')
    ) contract
    CROSS JOIN LATERAL (
        SELECT
            max(l.price) FILTER (WHERE coalesce(l.tier, 'standard') = n.priced_tier AND l.is_batch = n.is_batch) AS price,
            bool_or(l.valid_from IS NULL) FILTER (WHERE coalesce(l.tier, 'standard') = n.priced_tier AND l.is_batch = n.is_batch) AS is_undated,
            max(l.price) FILTER (WHERE l.tier IS NULL AND NOT l.is_batch) AS standard_price,
            max(l.price) FILTER (WHERE l.tier IS NULL AND l.is_batch) AS batch_price
        FROM warehouse.list_price l
        WHERE l.subject = n.list_subject AND l.price_class = n.price_class AND l.context_band IS NULL AND l.vendor = o.vendor
        AND l.currency = n.currency
        AND n.usage_date >= coalesce(l.valid_from, '-infinity') AND n.usage_date < coalesce(l.valid_to, 'infinity')
    ) list
    WHERE n.is_needed
)

SELECT
    c.organization_id,
    c.usage_date,
    c.endpoint,
    coalesce(c.model, '') AS model_key,
    coalesce(c.batch::text, '') AS batch_key,
    coalesce(c.service_tier, '') AS tier_key,
    c.currency,
    {class_prices},
    {batch_differences},
    string_agg(DISTINCT c.batch_source, ', ' ORDER BY c.batch_source) FILTER (WHERE c.is_counted) AS batch_source,
    string_agg(DISTINCT c.price_source, ', ' ORDER BY c.price_source) FILTER (WHERE c.is_counted) AS price_source,
    string_agg(DISTINCT c.price_class, ', ' ORDER BY c.price_class) FILTER (WHERE c.is_counted AND c.price IS NULL) AS unpriced_classes
FROM found c
GROUP BY c.organization_id, c.usage_date, c.endpoint, c.model, c.batch, c.service_tier, c.currency
