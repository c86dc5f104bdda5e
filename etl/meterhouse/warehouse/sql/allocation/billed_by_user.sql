-- Pieces of which the vendor says which user was billed how much, and those amounts as their weights. Only where the second copy of the costs
-- is settled, is grouped by project and line item, and has the same total; both sides have the key, or none. Of floats, which the vendor writes,
-- the same is the fifteenth digit of the total, or the twelfth decimal.
WITH copied_day AS (
    SELECT
        (c.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
        'api_key_id' = ANY (string_to_array(c.source_grouping, ',')) AND 'api_key_id' = ANY (string_to_array(b.source_grouping, ',')) AS has_key
    FROM ops.coverage c
    JOIN ops.coverage b
        ON b.organization_id = c.organization_id AND b.endpoint = 'costs' AND b.bucket_width = c.bucket_width
        AND b.bucket_start = c.bucket_start AND b.is_complete
    WHERE c.organization_id = %(organization_id)s AND c.endpoint = 'costs_by_user' AND c.bucket_width = 1440 AND c.is_complete
        AND c.bucket_start >= %(start)s::timestamptz AND c.bucket_start < %(end)s::timestamptz
        AND (c.bucket_start AT TIME ZONE 'UTC')::date = ANY (%(days)s::date [])
        AND string_to_array(c.source_grouping, ',') @> ARRAY['project_id', 'user_id', 'line_item']
),

billed AS MATERIALIZED (
    SELECT
        d.usage_date,
        g.project_id,
        g.line_item,
        g.currency,
        CASE WHEN d.has_key THEN g.api_key_id END AS api_key_id,
        sum(f.amount) AS amount,
        sum(f.amount::numeric(28, 12)) AS cost,
        count(*) = count(f.amount) AS is_known
    FROM warehouse.costs f
    JOIN warehouse.dim_cost_group g ON g.group_id = f.group_id AND g.organization_id = %(organization_id)s
    JOIN copied_day d ON d.usage_date = (f.bucket_start AT TIME ZONE 'UTC')::date
    WHERE f.bucket_width = 1440 AND f.bucket_start >= %(start)s::timestamptz AND f.bucket_start < %(end)s::timestamptz
    GROUP BY 1, 2, 3, 4, 5
),

by_user AS MATERIALIZED (
    SELECT
        d.usage_date,
        g.project_id,
        g.line_item,
        g.currency,
        CASE WHEN d.has_key THEN g.api_key_id END AS api_key_id,
        g.user_id,
        f.amount
    FROM warehouse.costs_by_user f
    JOIN warehouse.dim_cost_by_user_group g ON g.group_id = f.group_id AND g.organization_id = %(organization_id)s
    JOIN copied_day d ON d.usage_date = (f.bucket_start AT TIME ZONE 'UTC')::date
    WHERE f.bucket_width = 1440 AND f.bucket_start >= %(start)s::timestamptz AND f.bucket_start < %(end)s::timestamptz
),

agreed AS MATERIALIZED (
    SELECT b.*
    FROM billed b
    JOIN (
        SELECT
            u.usage_date,
            u.project_id,
            u.line_item,
            u.currency,
            u.api_key_id,
            sum(u.amount) AS amount,
            -- Amounts of both signs are no weights.
            count(*) = count(u.amount) AND (min(u.amount) >= 0 OR max(u.amount) <= 0) AND bool_or(u.amount <> 0) AS is_usable
        FROM by_user u
        GROUP BY 1, 2, 3, 4, 5
    ) u
        ON (u.usage_date, coalesce(u.project_id, ''), coalesce(u.line_item, ''), coalesce(u.currency, ''), coalesce(u.api_key_id, ''))
        = (b.usage_date, coalesce(b.project_id, ''), coalesce(b.line_item, ''), coalesce(b.currency, ''), coalesce(b.api_key_id, ''))
    WHERE b.is_known AND u.is_usable AND b.cost <> 0
        AND abs(u.amount - b.amount) <= greatest(abs(b.amount) * 0.000000000000001, 0.000000000001)
),

piece AS (
    INSERT INTO allocation_piece (is_billed_by_user, usage_date, project_id, line_item, currency, api_key_id, cost, model, canonical_model, tier)
    SELECT true, a.usage_date, a.project_id, a.line_item, a.currency, a.api_key_id, a.cost, l.model, m.canonical_model, lower(l.tier)
    FROM agreed a
    LEFT JOIN warehouse.dim_line_item l ON l.line_item = a.line_item
    LEFT JOIN warehouse.dim_model m ON m.model = l.model
    RETURNING piece_id, usage_date, project_id, line_item, currency, api_key_id
)

INSERT INTO allocation_share (piece_id, user_id, api_key_id, weight, basis)
SELECT p.piece_id, u.user_id, u.api_key_id, sum(abs(u.amount)), 'bill'
FROM piece p
JOIN by_user u
    ON (u.usage_date, coalesce(u.project_id, ''), coalesce(u.line_item, ''), coalesce(u.currency, ''), coalesce(u.api_key_id, ''))
    = (p.usage_date, coalesce(p.project_id, ''), coalesce(p.line_item, ''), coalesce(p.currency, ''), coalesce(p.api_key_id, ''))
GROUP BY 1, 2, 3
