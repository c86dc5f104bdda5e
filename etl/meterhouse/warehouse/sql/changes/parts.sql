-- The part of every line that is each user's and key's. It has its share of the line's quantities: who was billed a tenth had a tenth of the tokens.
INSERT INTO change_leaf (
    comparison, is_owned, line_number, project_id, user_id, api_key_id, line_item, currency, subject, level, side, kind, unit, is_credit,
    lacks_amount, lacks_parts, previous_cost, cost, previous_quantity, quantity, previous_restated_cost, restated_cost,
    previous_restated_quantity, restated_quantity
)
WITH part AS (
    SELECT
        d.comparison,
        a.project_id,
        a.line_item,
        a.currency,
        a.user_id,
        a.api_key_id,
        CASE WHEN count(*) FILTER (WHERE NOT d.is_of_period) = 0 THEN 0 ELSE sum(a.cost) FILTER (WHERE NOT d.is_of_period) END AS previous_cost,
        CASE WHEN count(*) FILTER (WHERE d.is_of_period) = 0 THEN 0 ELSE sum(a.cost) FILTER (WHERE d.is_of_period) END AS cost,
        count(*) > count(a.cost) AS lacks_amount,
        bool_or(a.reason IN ('not_settled', 'usage_not_settled')) IS TRUE AS lacks_parts
    FROM warehouse.cost_allocation a
    JOIN change_day d ON d.usage_date = a.usage_date
    WHERE a.organization_id = %(organization_id)s AND a.usage_date = ANY (%(days)s::date [])
    GROUP BY 1, 2, 3, 4, 5, 6
)

SELECT
    p.comparison,
    true,
    l.line_number,
    p.project_id,
    p.user_id,
    p.api_key_id,
    p.line_item,
    p.currency,
    l.subject,
    coalesce(l.level, ''),
    coalesce(l.side, ''),
    coalesce(l.kind, ''),
    l.unit,
    coalesce(l.is_credit, false),
    p.lacks_amount,
    p.lacks_parts,
    p.previous_cost,
    p.cost,
    CASE WHEN l.previous_cost > 0 THEN round(l.previous_quantity * p.previous_cost / l.previous_cost, 12) ELSE 0 * l.previous_quantity END,
    CASE WHEN l.cost > 0 THEN round(l.quantity * p.cost / l.cost, 12) ELSE 0 * l.quantity END,
    CASE WHEN l.previous_cost > 0 THEN round(l.previous_restated_cost * p.previous_cost / l.previous_cost, 12) ELSE 0 END,
    CASE WHEN l.cost > 0 THEN round(l.restated_cost * p.cost / l.cost, 12) ELSE 0 END,
    CASE WHEN l.previous_cost > 0 THEN round(l.previous_restated_quantity * p.previous_cost / l.previous_cost, 12) ELSE 0 END,
    CASE WHEN l.cost > 0 THEN round(l.restated_quantity * p.cost / l.cost, 12) ELSE 0 END
FROM part p
LEFT JOIN change_leaf l
    ON NOT l.is_owned AND l.comparison = p.comparison AND coalesce(l.project_id, '') = coalesce(p.project_id, '')
    AND coalesce(l.line_item, '') = coalesce(p.line_item, '') AND coalesce(l.currency, '') = coalesce(p.currency, '')
