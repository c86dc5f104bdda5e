-- Billed amounts of the chosen rows, read once and added up by day, by day and model, by line item, by project, by API key, and in all.
-- Never over two currencies. Of the amount: its sum over what is known (null: nothing is), and how many rows have it unknown.
WITH chosen AS (
    SELECT
        c.usage_date, c.model, c.line_item, c.project_id, c.api_key_id, c.currency, c.cost,
        CASE WHEN c.model IS NULL THEN c.category END AS nameless_category
    FROM bi.costs_daily c
    WHERE c.usage_date BETWEEN %(first)s::date AND %(last)s::date
        AND (%(organizations)s::text [] IS NULL OR c.organization = ANY (%(organizations)s::text []))
        AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
        AND (%(models)s::text [] IS NULL OR coalesce(c.model, '') = ANY (%(models)s::text []))
        AND (%(api_keys)s::text [] IS NULL OR coalesce(c.api_key_id, '') = ANY (%(api_keys)s::text []))
)

SELECT
    CASE grouping(c.usage_date, c.model, c.line_item, c.project_id, c.api_key_id)
        WHEN b'01111'::integer THEN 'day'
        WHEN b'00111'::integer THEN 'day and model'
        WHEN b'11011'::integer THEN 'line item'
        WHEN b'11101'::integer THEN 'project'
        WHEN b'11110'::integer THEN 'api key'
        ELSE 'total'
    END AS grain,
    coalesce(c.currency, '') AS currency,
    c.usage_date,
    c.model,
    c.line_item,
    c.project_id,
    c.api_key_id,
    sum(c.cost) AS cost,
    count(*) FILTER (WHERE c.cost IS NULL) AS unknown_costs,
    count(*) AS row_count,
    c.nameless_category AS category
FROM chosen c
GROUP BY GROUPING SETS (
    (c.currency, c.usage_date), (c.currency, c.usage_date, c.model, c.nameless_category), (c.currency, c.line_item), (c.currency, c.project_id),
    (c.currency, c.api_key_id), (c.currency)
)
