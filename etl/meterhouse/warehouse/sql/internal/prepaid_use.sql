-- What was taken from each purchase of prepaid credits, by day: the billed cost of a day is paid from the credits that expire first among
-- those that were bought by then and have not expired. A purchase takes what those before it in that order have left.
WITH RECURSIVE pool AS (
    SELECT
        p.purchase_id,
        p.organization_id,
        p.currency,
        p.bought_on,
        p.expires_on,
        p.amount::numeric(28, 12) AS amount,
        row_number() OVER (
            PARTITION BY p.organization_id, p.currency ORDER BY p.expires_on, p.bought_on, p.purchase_id
        ) AS place
    FROM warehouse.prepaid_purchases p
),

daily AS (
    SELECT r.organization_id, r.currency, r.usage_date, greatest(sum(r.cost), 0) AS cost
    FROM warehouse.rollup_costs_by_project r
    JOIN (SELECT p.organization_id, p.currency, min(p.bought_on) AS since FROM pool p GROUP BY 1, 2) f
        ON f.organization_id = r.organization_id AND f.currency = r.currency AND r.usage_date >= f.since
    GROUP BY 1, 2, 3
),

taken AS (
    SELECT
        d.organization_id,
        d.currency,
        d.usage_date,
        0::bigint AS place,
        NULL::bigint AS purchase_id,
        0::numeric AS amount,
        coalesce(d.cost, 0) AS rest
    FROM daily d
    UNION ALL
    SELECT
        v.organization_id,
        v.currency,
        v.usage_date,
        v.place,
        v.purchase_id,
        v.amount,
        v.rest - v.amount
    FROM (
        SELECT
            w.organization_id,
            w.currency,
            w.usage_date,
            w.place,
            w.purchase_id,
            w.rest,
            -- The credits that are left before the day, and no more than the day needs.
            CASE
                WHEN w.is_usable THEN greatest(least(w.rest, w.pool_amount - (sum(CASE WHEN w.is_usable THEN w.rest ELSE 0 END) OVER pool_days - w.rest)), 0)
                ELSE 0
            END AS amount
        FROM (
            SELECT
                t.organization_id,
                t.currency,
                t.usage_date,
                p.place,
                p.purchase_id,
                t.rest,
                p.amount AS pool_amount,
                t.usage_date >= p.bought_on AND (p.expires_on IS NULL OR t.usage_date <= p.expires_on) AS is_usable
            FROM taken t
            JOIN pool p ON p.organization_id = t.organization_id AND p.currency = t.currency AND p.place = t.place + 1
        ) w
        WINDOW pool_days AS (PARTITION BY w.purchase_id ORDER BY w.usage_date)
    ) v
)

SELECT
    t.organization_id,
    t.currency,
    t.usage_date,
    t.purchase_id,
    t.amount
FROM taken t
WHERE t.amount > 0
