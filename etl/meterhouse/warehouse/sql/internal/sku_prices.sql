-- The list prices of each key, one beside the other in the order of the days since when they are in force: width_bucket finds the one of a
-- day. Days without a price have null. One row per key, which the planner knows: a query without prices looks none up.
SELECT
    p.list_key,
    p.vendor,
    p.currency,
    array_agg(p.first_date ORDER BY p.first_date) AS first_dates,
    array_agg(p.price ORDER BY p.first_date) AS prices,
    array_agg(p.valid_since ORDER BY p.first_date) AS valid_since
FROM (
    -- Where one span ends and none begins, there is no price; where two are said to begin, the higher one.
    SELECT DISTINCT ON (b.list_key, b.vendor, b.currency, b.first_date)
        b.list_key, b.vendor, b.currency, b.first_date, b.price, b.valid_since
    FROM (
        SELECT
            concat_ws('|', l.subject, l.price_class, coalesce(l.tier, 'standard'), l.is_batch, coalesce(l.context_band, '')) AS list_key,
            l.vendor,
            l.currency,
            v.first_date,
            v.price,
            CASE WHEN v.price IS NOT NULL THEN coalesce(to_char(l.valid_from, 'YYYY-MM-DD'), 'undated') END AS valid_since
        FROM warehouse.list_price l
        CROSS JOIN LATERAL (VALUES (coalesce(l.valid_from, '-infinity'::date), l.price), (l.valid_to, NULL)) AS v (first_date, price)
        WHERE v.first_date IS NOT NULL AND l.price_class IS NOT NULL
    ) b
    ORDER BY b.list_key, b.vendor, b.currency, b.first_date, b.price DESC NULLS LAST
) p
GROUP BY p.list_key, p.vendor, p.currency
