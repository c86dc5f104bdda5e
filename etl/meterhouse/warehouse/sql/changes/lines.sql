-- Every line of the bill of a project in both periods of each comparison, with what the vendor changed in it on days that were settled already.
INSERT INTO change_leaf (
    comparison, is_owned, line_number, project_id, line_item, currency, subject, level, side, kind, unit, is_credit, lacks_amount, lacks_parts,
    previous_cost, cost, previous_quantity, quantity, previous_restated_cost, restated_cost, previous_restated_quantity, restated_quantity
)
WITH billed AS (
    SELECT
        d.comparison,
        r.project_id,
        r.line_item,
        r.currency,
        -- No row means nothing billed; rows whose amounts the vendor left out are unknown, which is null.
        CASE WHEN count(*) FILTER (WHERE NOT d.is_of_period) = 0 THEN 0 ELSE sum(r.cost) FILTER (WHERE NOT d.is_of_period) END AS previous_cost,
        CASE WHEN count(*) FILTER (WHERE d.is_of_period) = 0 THEN 0 ELSE sum(r.cost) FILTER (WHERE d.is_of_period) END AS cost,
        coalesce(sum(r.quantity) FILTER (WHERE NOT d.is_of_period), 0) AS previous_quantity,
        coalesce(sum(r.quantity) FILTER (WHERE d.is_of_period), 0) AS quantity,
        bool_or(r.rows_without_cost > 0) AS lacks_amount,
        bool_or(r.quantity IS NULL OR r.rows_without_quantity > 0 OR r.rows_without_cost > 0)
        OR min(coalesce(r.quantity_unit, '')) < max(coalesce(r.quantity_unit, '')) AS lacks_quantity,
        bool_or(r.cost < 0) AS has_credit,
        max(r.quantity_unit) AS quantity_unit
    FROM warehouse.rollup_costs_by_line_item r
    JOIN change_day d ON d.usage_date = r.usage_date
    WHERE r.organization_id = %(organization_id)s AND r.usage_date = ANY (%(days)s::date [])
    GROUP BY 1, 2, 3, 4
),

revision AS (
    SELECT
        d.comparison,
        d.is_of_period,
        g.project_id,
        g.line_item,
        g.currency,
        v.sign * CASE WHEN jsonb_typeof(v.said -> 'amount') = 'number' THEN (v.said ->> 'amount')::numeric(28, 12) END AS cost,
        v.sign * CASE WHEN jsonb_typeof(v.said -> 'quantity') = 'number' THEN (v.said ->> 'quantity')::numeric END AS quantity
    FROM ops.revisions r
    JOIN change_day d ON d.usage_date = (r.bucket_start AT TIME ZONE 'UTC')::date
    JOIN warehouse.dim_cost_group g ON g.group_id = r.group_id
    CROSS JOIN LATERAL (VALUES (-1, r.old_values), (1, r.new_values)) AS v (sign, said)
    WHERE r.organization_id = %(organization_id)s AND r.endpoint = 'costs' AND r.bucket_width = 1440 AND r.was_complete
        AND r.bucket_start = ANY (%(starts)s::timestamptz [])
),

restated AS (
    SELECT
        r.comparison,
        r.project_id,
        r.line_item,
        r.currency,
        coalesce(sum(r.cost) FILTER (WHERE NOT r.is_of_period), 0) AS previous_cost,
        coalesce(sum(r.cost) FILTER (WHERE r.is_of_period), 0) AS cost,
        coalesce(sum(r.quantity) FILTER (WHERE NOT r.is_of_period), 0) AS previous_quantity,
        coalesce(sum(r.quantity) FILTER (WHERE r.is_of_period), 0) AS quantity
    FROM revision r
    GROUP BY 1, 2, 3, 4
),

-- A line that the vendor took back altogether is not on the bill any more, but has been.
line AS (
    SELECT
        coalesce(b.comparison, s.comparison) AS comparison,
        CASE WHEN b.comparison IS NULL THEN s.project_id ELSE b.project_id END AS project_id,
        CASE WHEN b.comparison IS NULL THEN s.line_item ELSE b.line_item END AS line_item,
        CASE WHEN b.comparison IS NULL THEN s.currency ELSE b.currency END AS currency,
        CASE WHEN b.comparison IS NULL THEN 0 ELSE b.previous_cost END AS previous_cost,
        CASE WHEN b.comparison IS NULL THEN 0 ELSE b.cost END AS cost,
        coalesce(b.previous_quantity, 0) AS previous_quantity,
        coalesce(b.quantity, 0) AS quantity,
        coalesce(s.previous_cost, 0) AS previous_restated_cost,
        coalesce(s.cost, 0) AS restated_cost,
        coalesce(s.previous_quantity, 0) AS previous_restated_quantity,
        coalesce(s.quantity, 0) AS restated_quantity,
        coalesce(b.lacks_amount, false) AS lacks_amount,
        coalesce(b.lacks_quantity, false) AS lacks_quantity,
        coalesce(b.has_credit, false) AS has_credit,
        b.quantity_unit
    FROM billed b
    FULL JOIN restated s
        ON s.comparison = b.comparison AND coalesce(s.project_id, '') = coalesce(b.project_id, '')
        AND coalesce(s.line_item, '') = coalesce(b.line_item, '') AND coalesce(s.currency, '') = coalesce(b.currency, '')
)

SELECT
    l.comparison,
    false,
    row_number() OVER (ORDER BY l.comparison),
    l.project_id,
    l.line_item,
    l.currency,
    coalesce(n.model_name, n.feature, l.line_item),
    concat_ws(' | ', n.tier, n.surface, n.context_band),
    concat_ws(' ', CASE WHEN n.direction IN ('cached input', 'cache writes') THEN 'input' ELSE coalesce(n.direction, 'other') END, n.modality),
    coalesce(n.direction, 'other'),
    u.unit,
    coalesce(n.category = 'credits', false) OR l.has_credit,
    l.lacks_amount,
    false,
    l.previous_cost,
    l.cost,
    CASE WHEN NOT l.lacks_quantity THEN l.previous_quantity * u.factor END,
    CASE WHEN NOT l.lacks_quantity THEN l.quantity * u.factor END,
    l.previous_restated_cost,
    l.restated_cost,
    l.previous_restated_quantity * coalesce(u.factor, 0),
    l.restated_quantity * coalesce(u.factor, 0)
FROM line l
LEFT JOIN (
    SELECT
        i.line_item,
        coalesce(a.shown_as, b.shown_as, m.canonical_model, lower(i.model)) AS model_name,
        i.feature,
        i.tier,
        i.surface,
        i.context_band,
        i.direction,
        i.modality,
        i.category
    FROM warehouse.dim_line_item i
    LEFT JOIN warehouse.dim_model m ON m.model = i.model
    LEFT JOIN warehouse.model_alias a ON a.model = lower(i.model)
    LEFT JOIN warehouse.model_alias b ON b.model = m.canonical_model
) n ON n.line_item = l.line_item
LEFT JOIN unnest(%(categories)s::text [], %(units_of_categories)s::text []) AS c (category, quantity_unit) ON c.category = n.category
LEFT JOIN unnest(%(quantity_units)s::text [], %(units)s::text [], %(factors)s::numeric []) AS u (quantity_unit, unit, factor)
    ON u.quantity_unit = coalesce(l.quantity_unit, c.quantity_unit)
