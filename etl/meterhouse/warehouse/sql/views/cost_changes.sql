-- One row per organization, comparison, dimension, member of it and currency: what was billed in two periods, and why the amount changed. The parts of
-- the change add up to it exactly, and the rows of one comparison and dimension to the organization's change. Only settled days are compared. Parts are
-- found per project, and for users and keys per key of a project. Refreshed by every load. Costs and parts can be added up within one
-- comparison, dimension and currency.
WITH member AS (
    SELECT 'project' AS dimension, c.project_id AS member_id, c.* FROM warehouse.cost_changes c WHERE NOT c.is_owned
    UNION ALL
    SELECT 'model', l.model_name, c.*
    FROM warehouse.cost_changes c
    LEFT JOIN warehouse.line_item_names l ON l.line_item = c.line_item
    WHERE NOT c.is_owned
    UNION ALL
    SELECT 'line_item', c.line_item, c.* FROM warehouse.cost_changes c WHERE NOT c.is_owned
    UNION ALL
    SELECT 'api_key', c.api_key_id, c.* FROM warehouse.cost_changes c WHERE c.is_owned
    UNION ALL
    SELECT 'user', c.user_id, c.* FROM warehouse.cost_changes c WHERE c.is_owned
),

summed AS (
    SELECT
        m.organization_id,
        m.comparison,
        m.dimension,
        m.member_id,
        m.currency,
        CASE WHEN count(m.project_id) = count(*) AND min(m.project_id) = max(m.project_id) THEN min(m.project_id) END AS project_id,
        -- Where all that was billed is unknown, so is the sum.
        CASE WHEN bool_and(m.previous_cost IS NOT NULL) OR bool_or(m.previous_cost <> 0) THEN sum(m.previous_cost) END AS previous_cost,
        CASE WHEN bool_and(m.cost IS NOT NULL) OR bool_or(m.cost <> 0) THEN sum(m.cost) END AS cost,
        bool_or(m.lacks_amount) AS lacks_amount,
        bool_or(m.lacks_parts) AS lacks_parts,
        sum(m.days_effect) AS days_effect,
        sum(m.volume_effect) AS volume_effect,
        sum(m.model_mix_effect) AS model_mix_effect,
        sum(m.tier_mix_effect) AS tier_mix_effect,
        sum(m.direction_mix_effect) AS direction_mix_effect,
        sum(m.cache_effect) AS cache_effect,
        sum(m.price_effect) AS price_effect,
        sum(m.new_cost) AS new_cost,
        sum(m.gone_cost) AS gone_cost,
        sum(m.restatement_effect) AS restatement_effect,
        sum(m.credit_effect) AS credit_effect,
        sum(m.other_effect) AS other_effect
    FROM member m
    GROUP BY m.organization_id, m.comparison, m.dimension, m.member_id, m.currency
),

compared AS (
    SELECT
        s.*,
        p.period_first_date,
        p.period_last_date,
        p.previous_first_date,
        p.previous_last_date,
        p.days,
        p.previous_days,
        CASE WHEN p.days > 0 THEN s.cost - s.previous_cost END AS change_cost,
        CASE
            WHEN p.reason IS NOT NULL THEN p.reason
            WHEN s.lacks_amount THEN 'amount_missing'
            WHEN s.lacks_parts THEN 'not_allocated'
        END AS reason
    FROM summed s
    JOIN warehouse.cost_comparisons p ON p.organization_id = s.organization_id AND p.comparison = s.comparison
),

-- In a query of its own: a condition on the dimension is then one on what the window is partitioned by, and finds the others' rows unread.
ranked AS (
    SELECT
        c.*,
        row_number() OVER (
            PARTITION BY c.organization_id, c.comparison, c.dimension, c.currency
            ORDER BY abs(c.change_cost) DESC NULLS LAST, c.member_id COLLATE "C"
        ) AS driver_rank
    FROM compared c
)

SELECT
    c.period_first_date,
    c.period_last_date,
    c.previous_first_date,
    c.previous_last_date,
    o.label::varchar(64) AS organization,
    c.comparison::varchar(32) AS comparison,
    c.dimension::varchar(32) AS dimension,
    c.member_id::varchar(255) AS member_id,
    CASE c.dimension
        WHEN 'project' THEN p.project_name
        WHEN 'api_key' THEN k.api_key_name
        WHEN 'user' THEN u.user_name
        ELSE c.member_id
    END::varchar(255) AS member_name,
    c.project_id::varchar(128) AS project_id,
    p.project_name::varchar(255) AS project_name,
    {currency:c.currency},
    c.days::bigint AS days,
    c.previous_days::bigint AS previous_days,
    CASE WHEN c.days > 0 THEN c.previous_cost END::numeric(28, 12) AS previous_cost,
    CASE WHEN c.days > 0 THEN c.cost END::numeric(28, 12) AS cost,
    c.change_cost::numeric(28, 12) AS change_cost,
    CASE WHEN c.change_cost IS NOT NULL THEN c.days_effect END::numeric(28, 12) AS days_effect,
    CASE WHEN c.change_cost IS NOT NULL THEN c.volume_effect END::numeric(28, 12) AS volume_effect,
    CASE WHEN c.change_cost IS NOT NULL THEN c.model_mix_effect END::numeric(28, 12) AS model_mix_effect,
    CASE WHEN c.change_cost IS NOT NULL THEN c.tier_mix_effect END::numeric(28, 12) AS tier_mix_effect,
    CASE WHEN c.change_cost IS NOT NULL THEN c.direction_mix_effect END::numeric(28, 12) AS direction_mix_effect,
    CASE WHEN c.change_cost IS NOT NULL THEN c.cache_effect END::numeric(28, 12) AS cache_effect,
    CASE WHEN c.change_cost IS NOT NULL THEN c.price_effect END::numeric(28, 12) AS price_effect,
    CASE WHEN c.change_cost IS NOT NULL THEN c.new_cost END::numeric(28, 12) AS new_cost,
    CASE WHEN c.change_cost IS NOT NULL THEN c.gone_cost END::numeric(28, 12) AS gone_cost,
    CASE WHEN c.change_cost IS NOT NULL THEN c.restatement_effect END::numeric(28, 12) AS restatement_effect,
    CASE WHEN c.change_cost IS NOT NULL THEN c.credit_effect END::numeric(28, 12) AS credit_effect,
    CASE WHEN c.change_cost IS NOT NULL THEN c.other_effect END::numeric(28, 12) AS other_effect,
    c.reason IS NULL AS is_comparable,
    c.reason::varchar(64) AS reason,
    CASE WHEN c.change_cost IS NOT NULL THEN c.driver_rank END::bigint AS driver_rank,
    CASE WHEN c.change_cost IS NOT NULL THEN e.name END::varchar(32) AS main_effect
FROM ranked c
JOIN warehouse.dim_organization o ON o.organization_id = c.organization_id
-- Looked up row by row, through the keys of the names: how many rows there are, the planner cannot know.
LEFT JOIN LATERAL (
    SELECT n.project_name
    FROM warehouse.dim_project n
    WHERE n.organization_id = c.organization_id AND n.project_id = c.project_id AND n.valid_to IS NULL
    LIMIT 1
) p ON true
LEFT JOIN LATERAL (
    SELECT n.api_key_name
    FROM warehouse.dim_api_key n
    WHERE c.dimension = 'api_key' AND n.organization_id = c.organization_id AND n.api_key_id = c.member_id AND n.valid_to IS NULL
    LIMIT 1
) k ON true
LEFT JOIN LATERAL (
    SELECT n.user_name
    FROM warehouse.dim_user n
    WHERE c.dimension = 'user' AND n.organization_id = c.organization_id AND n.user_id = c.member_id AND n.valid_to IS NULL
    LIMIT 1
) u ON true
LEFT JOIN LATERAL (
    SELECT v.name
    FROM (
        VALUES
        (1, 'days', c.days_effect),
        (2, 'volume', c.volume_effect),
        (3, 'model_mix', c.model_mix_effect),
        (4, 'tier_mix', c.tier_mix_effect),
        (5, 'direction_mix', c.direction_mix_effect),
        (6, 'cache', c.cache_effect),
        (7, 'price', c.price_effect),
        (8, 'new', c.new_cost),
        (9, 'gone', c.gone_cost),
        (10, 'restatement', c.restatement_effect),
        (11, 'credit', c.credit_effect),
        (12, 'other', c.other_effect)
    ) AS v (number, name, effect)
    WHERE v.effect <> 0
    ORDER BY abs(v.effect) DESC, v.number
    LIMIT 1
) e ON true
