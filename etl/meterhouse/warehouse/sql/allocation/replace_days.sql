-- The parts of some days take the place of what was stored of them, but for lines of closed days that wait for nothing. What nobody can be
-- found for stays whole, with the reason.
WITH kept AS MATERIALIZED (
    SELECT
        a.usage_date,
        coalesce(a.project_id, '') AS project_id,
        coalesce(a.line_item, '') AS line_item,
        coalesce(a.currency, '') AS currency
    FROM warehouse.cost_allocation a
    WHERE a.organization_id = %(organization_id)s AND a.usage_date = ANY (%(waiting_days)s::date [])
    GROUP BY 1, 2, 3, 4
    HAVING bool_and(coalesce(a.reason, '') <> ALL (%(waiting)s::text []))
),

gone AS (
    DELETE FROM warehouse.cost_allocation a
    WHERE a.organization_id = %(organization_id)s AND a.usage_date = ANY (%(days)s::date [])
        AND NOT EXISTS (
            SELECT FROM kept k
            WHERE (k.usage_date, k.project_id, k.line_item, k.currency)
            = (a.usage_date, coalesce(a.project_id, ''), coalesce(a.line_item, ''), coalesce(a.currency, ''))
        )
    RETURNING 1
)

INSERT INTO warehouse.cost_allocation (
    usage_date, organization_id, project_id, line_item, currency, user_id, api_key_id, model, cost, method, basis, reason, weight, weight_total,
    quantity_ratio
)
SELECT
    p.usage_date,
    %(organization_id)s,
    p.project_id,
    p.line_item,
    p.currency,
    t.user_id,
    coalesce(t.api_key_id, p.api_key_id),
    coalesce(p.model, t.model),
    CASE WHEN t.piece_id IS NULL THEN p.cost ELSE t.cost END,
    m.method,
    CASE WHEN m.method <> 'unallocated' THEN t.basis END,
    CASE
        WHEN p.cost IS NULL THEN 'amount_missing'
        WHEN m.method <> 'unallocated' AND t.basis = 'line' AND p.remark IS NULL AND abs(ratio.quantity_ratio - 1) > 0.01 THEN 'quantity_mismatch'
        WHEN m.method <> 'unallocated' THEN p.remark
        WHEN t.piece_id IS NOT NULL THEN 'no_caller'
        ELSE coalesce(p.reason, 'no_usage')
    END,
    t.weight,
    t.weight_total,
    ratio.quantity_ratio
FROM allocation_piece p
LEFT JOIN allocation_part t ON t.piece_id = p.piece_id
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN t.user_id IS NULL AND t.api_key_id IS NULL THEN 'unallocated'
            WHEN p.is_billed_by_user AND t.user_id IS NOT NULL THEN 'billed_by_user'
            WHEN p.is_billed_by_user OR (p.api_key_id IS NOT NULL AND t.is_one_callers) THEN 'billed_by_key'
            ELSE 'by_quantity'
        END AS method
) m
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN p.quantity > 0 AND t.basis = 'line' THEN
                round(least(t.matched_quantity / p.quantity, 999999), 6)
        END AS quantity_ratio
) ratio
-- What the vendor billed to no user and no key became pieces of their own.
WHERE NOT (p.is_billed_by_user AND t.user_id IS NULL AND t.api_key_id IS NULL) AND (SELECT count(*) FROM gone) >= 0
    AND NOT EXISTS (
        SELECT FROM kept k
        WHERE (k.usage_date, k.project_id, k.line_item, k.currency)
        = (p.usage_date, coalesce(p.project_id, ''), coalesce(p.line_item, ''), coalesce(p.currency, ''))
    )
