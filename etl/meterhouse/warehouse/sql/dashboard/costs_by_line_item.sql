-- Billed amounts of the chosen rows by day, by day and model, by line item, by category, by project, and in all, from the totals by line item and project:
-- for a choice without keys. Never over two currencies. For the amount: the sum of the known values (null: none is known), and the number of
-- rows where it is unknown.
WITH added_up AS (
    -- Rows are read once and added up by the columns that the grains share: names are looked up once per sum.
    SELECT
        c.usage_date,
        c.line_item,
        c.currency,
        sum(c.cost) AS cost,
        sum(c.rows_without_cost)::bigint AS rows_without_cost,
        sum(c.row_count)::bigint AS row_count
    FROM costs_daily_by_line_item c
    WHERE c.usage_date BETWEEN %(first)s::date AND %(last)s::date
        AND (%(organizations)s::text [] IS NULL OR c.organization = ANY (%(organizations)s::text []))
        AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
        AND (%(models)s::text [] IS NULL OR coalesce(c.model, '') = ANY (%(models)s::text []))
    GROUP BY c.usage_date, c.line_item, c.currency
),

chosen AS MATERIALIZED (
    SELECT
        s.usage_date,
        s.line_item,
        s.currency,
        l.line_item_model AS model,
        CASE WHEN l.line_item_model IS NULL THEN coalesce(l.category, 'unknown') END AS nameless_category,
        coalesce(l.category, 'unknown') AS category,
        s.cost,
        s.rows_without_cost,
        s.row_count
    FROM added_up s
    -- The member for rows without a line item is shown under its own name.
    LEFT JOIN dim_line_item l ON l.line_item = s.line_item AND l.line_item_key <> '(none)'
)

SELECT
    CASE grouping(c.usage_date, c.model, c.line_item, c.category)
        WHEN b'0111'::integer THEN 'day'
        WHEN b'0011'::integer THEN 'day and model'
        WHEN b'1101'::integer THEN 'line item'
        WHEN b'1110'::integer THEN 'category'
        ELSE 'total'
    END AS grain,
    coalesce(c.currency, '') AS currency,
    c.usage_date,
    c.model,
    c.line_item,
    NULL AS project_id,
    NULL AS api_key_id,
    sum(c.cost) AS cost,
    sum(c.rows_without_cost)::bigint AS unknown_costs,
    sum(c.row_count)::bigint AS row_count,
    coalesce(c.nameless_category, c.category) AS category
FROM chosen c
GROUP BY GROUPING SETS (
    (c.currency, c.usage_date), (c.currency, c.usage_date, c.model, c.nameless_category), (c.currency, c.line_item), (c.currency, c.category), (c.currency)
)
UNION ALL
SELECT
    'project', coalesce(c.currency, ''), NULL, NULL, NULL, c.project_id, NULL, sum(c.cost), sum(c.rows_without_cost)::bigint,
    sum(c.row_count)::bigint, NULL
FROM place.costs() c
WHERE c.usage_date BETWEEN %(first)s::date AND %(last)s::date
    AND (%(organizations)s::text [] IS NULL OR c.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
    AND place.has_chosen_model()
GROUP BY c.currency, c.project_id
