-- Billed amounts per project and currency of one day and of the day before it.
SELECT c.usage_date, c.project_id, coalesce(c.currency, '') AS currency, sum(c.cost) AS cost, {unknown_costs} AS unknown_costs
FROM {costs} c
WHERE c.usage_date BETWEEN %(day)s::date - 1 AND %(day)s::date
    AND (%(organizations)s::text [] IS NULL OR c.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
    AND {has_chosen_model}
    AND {has_chosen_key}
GROUP BY c.usage_date, c.currency, c.project_id
ORDER BY c.usage_date, c.currency, c.project_id
