-- Billed amounts of the chosen rows by API key, from the daily totals by API key: for a choice without models. Never over two currencies.
-- For the amount: the sum of the known values (null: none is known), and the number of rows where it is unknown.
SELECT
    'api key' AS grain,
    coalesce(c.currency, '') AS currency,
    NULL::date AS usage_date,
    NULL AS model,
    NULL AS line_item,
    NULL AS project_id,
    c.api_key_id,
    sum(c.cost) AS cost,
    sum(c.rows_without_cost)::bigint AS unknown_costs,
    sum(c.row_count)::bigint AS row_count,
    NULL AS category
FROM costs_daily_by_api_key c
WHERE c.usage_date BETWEEN %(first)s::date AND %(last)s::date
    AND (%(organizations)s::text [] IS NULL OR c.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
    AND (%(api_keys)s::text [] IS NULL OR coalesce(c.api_key_id, '') = ANY (%(api_keys)s::text []))
GROUP BY c.currency, c.api_key_id
