-- Billed amounts of the chosen rows by the user that caused them, as the allocation found. Days that are not settled are nobody's yet.
-- Never over two currencies. For the amount: the sum of the known values (null: none is known), and the number of rows where it is unknown.
SELECT
    'user' AS grain,
    coalesce(c.currency, '') AS currency,
    NULL::date AS usage_date,
    NULL AS model,
    NULL AS line_item,
    NULL AS project_id,
    NULL AS api_key_id,
    c.user_id,
    sum(c.cost) AS cost,
    count(*) FILTER (WHERE c.cost IS NULL) AS unknown_costs,
    count(*) AS row_count
FROM cost_allocation_daily c
WHERE c.usage_date BETWEEN %(first)s::date AND %(last)s::date
    AND (%(organizations)s::text [] IS NULL OR c.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
    AND (%(models)s::text [] IS NULL OR coalesce(c.model, '') = ANY (%(models)s::text []))
    AND (%(api_keys)s::text [] IS NULL OR coalesce(c.api_key_id, '') = ANY (%(api_keys)s::text []))
    AND (%(users)s::text [] IS NULL OR c.is_complete AND coalesce(c.user_id, '') = ANY (%(users)s::text []))
GROUP BY c.currency, c.user_id
