-- Billed amounts per day and currency between two days: the basis of comparisons and of the forecast for a month.
SELECT c.usage_date, coalesce(c.currency, '') AS currency, sum(c.cost) AS cost, place.unknown_costs() AS unknown_costs
FROM place.costs() c
WHERE c.usage_date BETWEEN %(first)s::date AND %(last)s::date
    AND (%(organizations)s::text [] IS NULL OR c.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
    AND place.has_chosen_model()
    AND place.has_chosen_caller()
GROUP BY c.usage_date, c.currency
ORDER BY c.usage_date, c.currency
