-- Billed amounts of the chosen rows by day, by day and model, by line item, by project, and in all, from the sums by line item and by project:
-- for a choice without keys. Never over two currencies. Of the amount: its sum over what is known (null: nothing is), and how many rows have
-- it unknown.
WITH added_up AS (
    -- Rows are read once and added up by what the grains have in common: names are looked up once per sum.
    SELECT
        c.usage_date,
        c.line_item,
        c.currency,
        sum(c.cost) AS cost,
        sum(c.rows_without_cost)::bigint AS rows_without_cost,
        sum(c.row_count)::bigint AS row_count
    FROM bi.costs_daily_by_line_item c
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
        s.cost,
        s.rows_without_cost,
        s.row_count
    FROM added_up s
    -- The member that stands for rows without a line item is shown as one of that name.
    LEFT JOIN bi.dim_line_item l ON l.line_item = s.line_item AND l.line_item_key <> '(none)'
)

SELECT
    CASE grouping(c.usage_date, c.model, c.line_item)
        WHEN b'011'::integer THEN 'day'
        WHEN b'001'::integer THEN 'day and model'
        WHEN b'110'::integer THEN 'line item'
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
    c.nameless_category AS category
FROM chosen c
GROUP BY GROUPING SETS (
    (c.currency, c.usage_date), (c.currency, c.usage_date, c.model, c.nameless_category), (c.currency, c.line_item), (c.currency)
)
UNION ALL
SELECT
    'project', coalesce(c.currency, ''), NULL, NULL, NULL, c.project_id, NULL, sum(c.cost), sum(c.rows_without_cost)::bigint,
    sum(c.row_count)::bigint, NULL
FROM {costs} c
WHERE c.usage_date BETWEEN %(first)s::date AND %(last)s::date
    AND (%(organizations)s::text [] IS NULL OR c.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
    AND {has_chosen_model}
GROUP BY c.currency, c.project_id
