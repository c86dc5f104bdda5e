-- Pieces that usage has to say more about: what the vendor billed to no user and no key, and every line whose users it does not name.
WITH day AS MATERIALIZED (
    SELECT
        (c.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
        bool_or(c.is_complete) FILTER (WHERE c.endpoint = 'costs') AS is_settled,
        bool_and(c.is_complete) FILTER (WHERE c.endpoint NOT IN ('costs', 'costs_by_user')) AS has_settled_usage,
        array_agg(c.endpoint::text) AS endpoints,
        count(*) FILTER (
            WHERE c.endpoint IN ('costs', 'costs_by_user') AND 'api_key_id' = ANY (string_to_array(c.source_grouping, ','))
        ) = 2 AS has_key
    FROM ops.coverage c
    WHERE c.organization_id = %(organization_id)s AND c.bucket_width = 1440
        AND c.bucket_start >= %(start)s::timestamptz AND c.bucket_start < %(end)s::timestamptz
        AND (c.bucket_start AT TIME ZONE 'UTC')::date = ANY (%(days)s::date [])
    GROUP BY 1
),

line AS MATERIALIZED (
    SELECT
        d.usage_date,
        g.project_id,
        g.line_item,
        g.currency,
        g.api_key_id,
        f.amount::numeric(28, 12) AS cost,
        f.quantity * CASE f.quantity_unit WHEN '1000_tokens' THEN 1000 WHEN 'duration_minutes' THEN 60 WHEN 'duration_hours' THEN 3600 ELSE 1 END
            AS quantity,
        d.has_key,
        d.is_settled,
        d.has_settled_usage,
        d.endpoints
    FROM warehouse.costs f
    JOIN warehouse.dim_cost_group g ON g.group_id = f.group_id AND g.organization_id = %(organization_id)s
    JOIN day d ON d.usage_date = (f.bucket_start AT TIME ZONE 'UTC')::date
    WHERE f.bucket_width = 1440 AND f.bucket_start >= %(start)s::timestamptz AND f.bucket_start < %(end)s::timestamptz
),

open_piece AS (
    SELECT p.usage_date, p.project_id, p.line_item, p.currency, p.api_key_id, t.cost, NULL::numeric AS quantity
    FROM allocation_part t
    JOIN allocation_piece p ON p.piece_id = t.piece_id
    WHERE t.user_id IS NULL AND t.api_key_id IS NULL
    UNION ALL
    SELECT l.usage_date, l.project_id, l.line_item, l.currency, l.api_key_id, l.cost, l.quantity
    FROM line l
    WHERE NOT EXISTS (
        SELECT FROM allocation_piece p
        WHERE (p.usage_date, coalesce(p.project_id, ''), coalesce(p.line_item, ''), coalesce(p.currency, ''), coalesce(p.api_key_id, ''))
        = (
            l.usage_date, coalesce(l.project_id, ''), coalesce(l.line_item, ''), coalesce(l.currency, ''),
            coalesce(CASE WHEN l.has_key THEN l.api_key_id END, '')
        )
    )
),

-- Models that the bill separates by modality that day: beside a line of audio or images, one that names no modality is for text.
separated AS MATERIALIZED (
    SELECT DISTINCT p.usage_date, m.canonical_model, l.direction
    FROM line p
    JOIN warehouse.dim_line_item l ON l.line_item = p.line_item AND l.modality <> 'text' AND l.direction IS NOT NULL
    JOIN warehouse.dim_model m ON m.model = l.model
)

INSERT INTO allocation_piece (
    is_billed_by_user, usage_date, project_id, line_item, currency, api_key_id, cost, quantity, model, canonical_model, tier, usage_endpoint,
    usage_quantity, reason, remark
)
SELECT
    false,
    p.usage_date,
    p.project_id,
    p.line_item,
    p.currency,
    p.api_key_id,
    p.cost,
    sum(p.quantity) OVER (
        PARTITION BY p.usage_date, p.project_id, p.api_key_id, p.currency, m.canonical_model, lower(l.tier), l.usage_endpoint, q.usage_quantity
    ),
    l.model,
    m.canonical_model,
    lower(l.tier),
    l.usage_endpoint,
    q.usage_quantity,
    CASE
        WHEN NOT d.is_settled THEN 'not_settled'
        WHEN p.line_item IS NULL THEN 'no_line_item'
        WHEN l.unallocated_reason IS NOT NULL THEN l.unallocated_reason
        WHEN l.usage_quantity IS NULL THEN 'unknown_line_item'
        WHEN d.has_settled_usage IS NULL OR l.usage_endpoint <> ALL (d.endpoints) THEN 'usage_not_loaded'
        WHEN NOT d.has_settled_usage THEN 'usage_not_settled'
    END,
    CASE WHEN l.context_band IS NOT NULL THEN 'context_band_unknown' END
FROM open_piece p
JOIN day d ON d.usage_date = p.usage_date
LEFT JOIN warehouse.dim_line_item l ON l.line_item = p.line_item
LEFT JOIN warehouse.dim_model m ON m.model = l.model
LEFT JOIN separated s
    ON s.usage_date = p.usage_date AND s.canonical_model = m.canonical_model AND s.direction = l.direction AND l.modality IS NULL
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN s.direction IS NULL THEN l.usage_quantity
            WHEN l.usage_quantity = 'uncached_tokens' THEN 'text_tokens'
            WHEN l.usage_quantity = 'cached_tokens' THEN 'cached_text_tokens'
            WHEN l.usage_quantity = 'output_tokens' THEN 'output_text_tokens'
            ELSE l.usage_quantity
        END AS usage_quantity
) q
