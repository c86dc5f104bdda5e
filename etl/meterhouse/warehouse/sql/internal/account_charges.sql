-- What is billed to an organization as a whole: lines of invoices that are no usage, what is left of an invoice's usage beside the charges of
-- its days, purchases of prepaid credits, and what was paid with those. With them, all charges of an invoice add up to what is to be paid.
WITH used AS MATERIALIZED (
    SELECT u.organization_id, u.currency, u.usage_date, u.purchase_id, u.amount::numeric(28, 12) AS amount
    FROM warehouse.prepaid_use u
),

-- Everything that is shown with the number of an invoice because of its day.
stamped AS (
    SELECT d.invoice_key, sum(x.amount) AS amount
    FROM warehouse.invoice_days d
    JOIN (
        SELECT r.organization_id, r.currency, r.usage_date AS billing_date, r.cost AS amount
        FROM warehouse.rollup_costs_by_project r
        UNION ALL
        SELECT c.organization_id, c.currency, (c.seen_at AT TIME ZONE 'UTC')::date, c.amount::numeric(28, 12)
        FROM warehouse.cost_corrections c
        UNION ALL
        SELECT u.organization_id, u.currency, u.usage_date, -u.amount
        FROM used u
    ) x ON x.organization_id = d.organization_id AND x.currency = d.currency AND x.billing_date = d.billing_date
    GROUP BY d.invoice_key
),

difference AS (
    SELECT
        l.invoice_key,
        sum(l.amount::numeric(28, 12)) - coalesce(max(s.amount), 0) AS amount
    FROM warehouse.invoice_lines l
    LEFT JOIN stamped s ON s.invoice_key = l.invoice_key
    WHERE l.kind = 'usage'
    GROUP BY l.invoice_key
),

invoice_line AS (
    SELECT
        l.invoice_key,
        l.position::text AS invoice_detail_id,
        CASE l.kind WHEN 'tax' THEN 'Tax' WHEN 'credit' THEN 'Credit' WHEN 'bundle' THEN 'Purchase' ELSE 'Adjustment' END AS charge_category,
        coalesce(l.description, l.kind) AS charge_description,
        l.amount::numeric(28, 12) AS amount
    FROM warehouse.invoice_lines l
    WHERE l.kind <> 'usage'
    UNION ALL
    SELECT
        d.invoice_key, NULL, 'Adjustment', 'Usage on the invoice less the charges of its days (rounded, restated or not explained)', d.amount
    FROM difference d
    WHERE d.amount <> 0
)

SELECT
    i.organization_id,
    i.currency,
    -- The last day that the invoice bills within its month.
    least(i.period_end, (i.month_start + interval '1 month - 1 day')::date) AS charge_date,
    'invoice' AS charge_origin,
    l.charge_category,
    l.charge_description,
    CASE l.charge_category WHEN 'Purchase' THEN 'Bundles' END AS product,
    i.invoice_id,
    l.invoice_detail_id,
    l.amount AS billed_cost,
    l.amount AS effective_cost,
    l.amount AS contracted_cost
FROM invoice_line l
JOIN warehouse.invoices i ON i.invoice_key = l.invoice_key
UNION ALL
-- Credits are bought once and used later: what they pay for is effective then.
SELECT
    p.organization_id, p.currency, p.bought_on, 'prepaid_purchase', 'Purchase', coalesce(p.note, 'Prepaid credits'), 'Prepaid Credits',
    NULL, NULL, p.amount::numeric(28, 12), 0, p.amount::numeric(28, 12)
FROM warehouse.prepaid_purchases p
UNION ALL
-- What was paid with the purchase is not billed again.
SELECT
    u.organization_id, u.currency, u.usage_date, 'prepaid_use', 'Credit',
    'Paid from prepaid credits bought on ' || to_char(p.bought_on, 'YYYY-MM-DD'), NULL, d.invoice_id, NULL, -u.amount, 0, 0
FROM used u
JOIN warehouse.prepaid_purchases p ON p.purchase_id = u.purchase_id
LEFT JOIN warehouse.invoice_days d
    ON d.organization_id = u.organization_id AND d.currency = u.currency AND d.billing_date = u.usage_date
