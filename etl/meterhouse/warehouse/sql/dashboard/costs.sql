-- Billed amounts of the chosen rows, of parts of them where users are chosen, read once and added up by day, by day and model, by line item,
-- by category, by project, by API key, and in all.
-- Never over two currencies. For the amount: the sum of the known values (null: none is known), and the number of rows where it is unknown.
WITH chosen AS (
    SELECT
        c.usage_date, c.model, c.line_item, c.project_id, c.api_key_id, c.currency, c.cost, c.category,
        CASE WHEN c.model IS NULL THEN c.category END AS nameless_category
    FROM place.cost_rows() c
    WHERE c.usage_date BETWEEN %(first)s::date AND %(last)s::date
        AND (%(organizations)s::text [] IS NULL OR c.organization = ANY (%(organizations)s::text []))
        AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
        AND (%(models)s::text [] IS NULL OR coalesce(c.model, '') = ANY (%(models)s::text []))
        AND place.has_chosen_caller()
)

SELECT
    CASE grouping(c.usage_date, c.model, c.line_item, c.project_id, c.api_key_id, c.category)
        WHEN b'011111'::integer THEN 'day'
        WHEN b'001111'::integer THEN 'day and model'
        WHEN b'110111'::integer THEN 'line item'
        WHEN b'111011'::integer THEN 'project'
        WHEN b'111101'::integer THEN 'api key'
        WHEN b'111110'::integer THEN 'category'
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
    coalesce(c.nameless_category, c.category) AS category
FROM chosen c
GROUP BY GROUPING SETS (
    (c.currency, c.usage_date), (c.currency, c.usage_date, c.model, c.nameless_category), (c.currency, c.line_item), (c.currency, c.project_id),
    (c.currency, c.api_key_id), (c.currency, c.category), (c.currency)
)
