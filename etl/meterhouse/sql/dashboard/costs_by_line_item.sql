-- Billed amounts of the chosen rows by day, by day and model, by line item, by project, and in all, from the sums by line item: for a choice
-- without keys. Never over two currencies. Of the amount: its sum over what is known (null: nothing is), and how many rows have it unknown.
SELECT
    CASE grouping(c.usage_date, c.model, c.line_item, c.project_id)
        WHEN b'0111'::integer THEN 'day'
        WHEN b'0011'::integer THEN 'day and model'
        WHEN b'1101'::integer THEN 'line item'
        WHEN b'1110'::integer THEN 'project'
        ELSE 'total'
    END AS grain,
    coalesce(c.currency, '') AS currency,
    c.usage_date,
    c.model,
    c.line_item,
    c.project_id,
    NULL AS api_key_id,
    sum(c.cost) AS cost,
    sum(c.rows_without_cost)::bigint AS unknown_costs,
    sum(c.row_count)::bigint AS row_count,
    c.nameless_category AS category
FROM (
    SELECT d.*, CASE WHEN d.model IS NULL THEN d.category END AS nameless_category
    FROM bi.costs_daily_by_line_item d
) c
WHERE c.usage_date BETWEEN %(first)s::date AND %(last)s::date
    AND (%(organizations)s::text [] IS NULL OR c.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
    AND (%(models)s::text [] IS NULL OR coalesce(c.model, '') = ANY (%(models)s::text []))
GROUP BY GROUPING SETS (
    (c.currency, c.usage_date), (c.currency, c.usage_date, c.model, c.nameless_category), (c.currency, c.line_item), (c.currency, c.project_id), (c.currency)
)
