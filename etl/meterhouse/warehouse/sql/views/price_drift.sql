-- One row per organization, line item, currency and span of settled days on which a price was not what it should be: the effective price
-- differed from the contract price, or without one from the list price, by more than 0.5% on two or more days of the line in a row; or, for
-- a line without either, it left the level that it had had for two days. Lines on which batches or other tiers are billed too are left out:
-- their mean changes with what is used. Prices of the invented organization demo are never compared with the list. Refreshed by every load
-- of costs. There are no figures to add up.
WITH priced AS (
    SELECT
        d.usage_date,
        d.organization,
        d.line_item,
        d.model,
        d.currency,
        d.cost,
        d.price_unit,
        d.effective_price,
        CASE WHEN d.price_kind = 'contract' OR d.organization <> 'demo' THEN d.price_kind END AS price_kind,
        CASE WHEN d.price_kind = 'contract' THEN d.contract_price WHEN d.organization <> 'demo' THEN d.list_price END AS known_price
    FROM bi.effective_prices_daily d
    WHERE d.is_complete AND NOT d.is_mixed AND d.effective_price IS NOT NULL
),

-- The days of a line in their order, whatever lies between them.
compared AS (
    SELECT
        p.*,
        row_number() OVER line AS place,
        lag(p.effective_price, 1) OVER line AS price_1,
        lag(p.effective_price, 2) OVER line AS price_2,
        lag(p.effective_price, 3) OVER line AS price_3,
        lag(p.usage_date, 1) OVER line AS date_1,
        lag(p.cost, 1) OVER line AS cost_1
    FROM priced p
    WINDOW line AS (PARTITION BY p.organization, p.line_item, p.currency, p.price_unit ORDER BY p.usage_date)
),

apart AS (
    SELECT
        c.*,
        c.place - row_number() OVER (PARTITION BY c.organization, c.line_item, c.currency, c.price_unit, c.price_kind ORDER BY c.usage_date) AS run
    FROM compared c
    WHERE abs(c.effective_price - c.known_price) > 0.005 * c.known_price
),

spans AS (
    SELECT
        a.organization,
        a.line_item,
        a.model,
        a.currency,
        a.price_unit,
        a.price_kind,
        min(a.usage_date) AS first_date,
        max(a.usage_date) AS last_date,
        count(*) AS day_count,
        (array_agg(a.effective_price ORDER BY a.usage_date DESC))[1] AS effective_price,
        (array_agg(a.known_price ORDER BY a.usage_date DESC))[1] AS expected_price,
        sum(a.cost) AS cost
    FROM apart a
    GROUP BY a.organization, a.line_item, a.model, a.currency, a.price_unit, a.price_kind, a.run
    HAVING count(*) >= 2
    UNION ALL
    SELECT
        c.organization, c.line_item, c.model, c.currency, c.price_unit, 'own_level', c.date_1, c.usage_date, 2, c.effective_price, c.price_2,
        c.cost + c.cost_1
    FROM compared c
    WHERE c.known_price IS NULL
    AND abs(c.price_2 - c.price_3) <= 0.005 * abs(c.price_3)
    AND abs(c.price_1 - c.price_2) > 0.005 * abs(c.price_2)
    AND abs(c.effective_price - c.price_2) > 0.005 * abs(c.price_2)
)

SELECT
    s.first_date,
    s.last_date,
    s.organization,
    s.line_item,
    s.model,
    s.currency,
    s.price_unit,
    s.price_kind::varchar(32) AS compared_with,
    s.expected_price::numeric(28, 12) AS expected_price,
    s.effective_price::numeric(28, 12) AS effective_price,
    {percent:s.effective_price, s.expected_price} AS drift_percent,
    s.day_count::bigint AS drift_days,
    s.cost::numeric(28, 12) AS cost
FROM spans s
