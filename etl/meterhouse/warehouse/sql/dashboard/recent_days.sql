-- Billed amounts per day and currency between two days: what comparisons and the forecast of a month are made of.
SELECT c.usage_date, coalesce(c.currency, '') AS currency, sum(c.cost) AS cost, {unknown_costs} AS unknown_costs
FROM {costs} c
WHERE c.usage_date BETWEEN %(first)s::date AND %(last)s::date
    AND (%(organizations)s::text [] IS NULL OR c.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
    AND {has_chosen_model}
    AND {has_chosen_key}
GROUP BY c.usage_date, c.currency
ORDER BY c.usage_date, c.currency
