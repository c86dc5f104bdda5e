-- What changed takes the place of what was stored. Each part of a line's change is the difference of two neighbours in a chain of amounts from the
-- earlier period to the later one, so that they add up to it exactly; `accounting/variance.py` is the same rule in Python.
WITH gone AS (
    DELETE FROM warehouse.cost_changes c
    WHERE c.organization_id = %(organization_id)s
    RETURNING 1
),

leaf AS (
    SELECT
        l.*,
        d.previous_days,
        d.days,
        -- As they were when their days were settled: what was restated later is a part of its own.
        coalesce(l.previous_cost, 0) - l.previous_restated_cost AS previous_amount,
        coalesce(l.cost, 0) - l.restated_cost AS amount,
        l.previous_quantity - l.previous_restated_quantity AS previous_units,
        l.quantity - l.restated_quantity AS units
    FROM change_leaf l
    JOIN (SELECT DISTINCT e.comparison, e.previous_days, e.days FROM change_day e) d ON d.comparison = l.comparison
),

sorted AS (
    SELECT
        l.*,
        CASE
            WHEN l.is_credit THEN 'credit'
            WHEN l.unit IS NOT NULL
                AND l.previous_amount >= 0 AND l.previous_units >= 0 AND (l.previous_units > 0 OR l.previous_amount = 0)
                AND l.amount >= 0 AND l.units >= 0 AND (l.units > 0 OR l.amount = 0)
                THEN 'counted'
            ELSE 'other'
        END AS treatment
    FROM leaf l
),

-- Of what is counted: sums of the model or tool, then of what of it is alike in more and more.
summed AS (
    SELECT
        s.*,
        sum(s.previous_units) OVER subject AS previous_of_subject,
        sum(s.units) OVER subject AS of_subject,
        sum(s.previous_units) OVER level AS previous_of_level,
        sum(s.units) OVER level AS of_level,
        sum(s.previous_units) OVER side AS previous_of_side,
        sum(s.units) OVER side AS of_side,
        sum(s.previous_units) OVER kind AS previous_of_kind,
        sum(s.units) OVER kind AS of_kind
    FROM sorted s
    WINDOW
        subject AS (
            PARTITION BY s.is_owned, s.comparison, s.project_id, s.user_id, s.api_key_id, s.currency, s.treatment, s.unit, s.subject
        ),
        level AS (
            PARTITION BY s.is_owned, s.comparison, s.project_id, s.user_id, s.api_key_id, s.currency, s.treatment, s.unit, s.subject, s.level
        ),
        side AS (
            PARTITION BY s.is_owned, s.comparison, s.project_id, s.user_id, s.api_key_id, s.currency, s.treatment, s.unit, s.subject, s.level, s.side
        ),
        kind AS (
            PARTITION BY s.is_owned, s.comparison, s.project_id, s.user_id, s.api_key_id, s.currency, s.treatment, s.unit, s.subject, s.level, s.side,
                s.kind
        )
),

-- A model that is in only one of the periods says nothing about the volume of the others.
whole AS (
    SELECT
        s.*,
        sum(s.previous_units) FILTER (WHERE s.previous_of_subject > 0 AND s.of_subject > 0) OVER own AS previous_of_all,
        sum(s.units) FILTER (WHERE s.previous_of_subject > 0 AND s.of_subject > 0) OVER own AS of_all,
        CASE
            WHEN s.treatment <> 'counted' THEN s.treatment
            WHEN s.previous_of_subject = 0 THEN 'new'
            WHEN s.of_subject = 0 THEN 'gone'
            ELSE 'chain'
        END AS place
    FROM summed s
    WINDOW own AS (PARTITION BY s.is_owned, s.comparison, s.project_id, s.user_id, s.api_key_id, s.currency, s.treatment, s.unit)
),

chain AS (
    SELECT w.*, c.*
    FROM whole w
    LEFT JOIN LATERAL (
        SELECT
            max(v.amount) FILTER (WHERE v.step = 1) AS by_days,
            max(v.amount) FILTER (WHERE v.step = 2) AS by_volume,
            max(v.amount) FILTER (WHERE v.step = 3) AS by_subject,
            max(v.amount) FILTER (WHERE v.step = 4) AS by_level,
            max(v.amount) FILTER (WHERE v.step = 5) AS by_side,
            max(v.amount) FILTER (WHERE v.step = 6) AS by_kind,
            max(v.amount) FILTER (WHERE v.step = 7) AS by_line
        FROM (
            SELECT
                x.step,
                CASE
                    WHEN x.before > 0 THEN
                        -- Rounded once, half up, to twelve decimals, and no higher than a column holds, whatever the quantities.
                        least(div(2000000000000 * w.previous_amount * x.after + x.before, 2 * x.before) * 0.000000000001, 1000000000000)
                    ELSE w.amount
                END AS amount
            FROM (
                VALUES
                (1, w.previous_days::numeric, w.days::numeric),
                (2, w.previous_of_all, w.of_all),
                (3, w.previous_of_subject, w.of_subject),
                (4, w.previous_of_level, w.of_level),
                (5, w.previous_of_side, w.of_side),
                (6, w.previous_of_kind, w.of_kind),
                (7, w.previous_units, w.units)
            ) AS x (step, before, after)
        ) v
    ) c ON w.place = 'chain'
)

INSERT INTO warehouse.cost_changes (
    organization_id, comparison, is_owned, project_id, user_id, api_key_id, line_item, currency, previous_cost, cost, days_effect,
    volume_effect, model_mix_effect, tier_mix_effect, direction_mix_effect, cache_effect, price_effect, new_cost, gone_cost,
    restatement_effect, credit_effect, other_effect, lacks_amount, lacks_parts
)
SELECT
    %(organization_id)s,
    c.comparison,
    c.is_owned,
    c.project_id,
    c.user_id,
    c.api_key_id,
    CASE WHEN NOT c.is_owned THEN c.line_item END,
    c.currency,
    CASE WHEN bool_and(c.previous_cost IS NOT NULL) OR bool_or(c.previous_cost <> 0) THEN sum(c.previous_cost) END,
    CASE WHEN bool_and(c.cost IS NOT NULL) OR bool_or(c.cost <> 0) THEN sum(c.cost) END,
    sum(coalesce(c.by_days - c.previous_amount, 0)),
    sum(coalesce(c.by_volume - c.by_days, 0)),
    -- Releases of one model are lines of their own under one name.
    sum(coalesce(c.by_subject - c.by_volume + (c.by_line - c.by_kind), 0)),
    sum(coalesce(c.by_level - c.by_subject, 0)),
    sum(coalesce(c.by_side - c.by_level, 0)),
    sum(coalesce(c.by_kind - c.by_side, 0)),
    sum(coalesce(c.amount - c.by_line, 0)),
    sum(CASE WHEN c.place = 'new' THEN c.amount - c.previous_amount ELSE 0 END),
    sum(CASE WHEN c.place = 'gone' THEN c.amount - c.previous_amount ELSE 0 END),
    sum(c.restated_cost - c.previous_restated_cost),
    sum(CASE WHEN c.place = 'credit' THEN c.amount - c.previous_amount ELSE 0 END),
    sum(CASE WHEN c.place = 'other' THEN c.amount - c.previous_amount ELSE 0 END),
    bool_or(c.lacks_amount),
    bool_or(c.lacks_parts)
FROM chain c
WHERE (SELECT count(*) FROM gone) >= 0
GROUP BY c.comparison, c.is_owned, c.project_id, c.user_id, c.api_key_id, CASE WHEN NOT c.is_owned THEN c.line_item END, c.currency
