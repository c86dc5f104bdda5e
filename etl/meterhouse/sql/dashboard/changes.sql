-- Billed amounts of one day beside the day before it, per project and currency.
SELECT
    coalesce(c.currency, '') AS currency,
    c.project_id,
    coalesce(sum(c.cost) FILTER (WHERE c.usage_date = %(day)s::date), 0) AS cost,
    coalesce(sum(c.cost) FILTER (WHERE c.usage_date < %(day)s::date), 0) AS cost_before,
    {unknown_costs} AS unknown_costs
FROM {costs} c
WHERE c.usage_date BETWEEN %(day)s::date - 1 AND %(day)s::date
    AND (%(organizations)s::text [] IS NULL OR c.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
    AND (%(models)s::text [] IS NULL OR coalesce(c.model, '') = ANY (%(models)s::text []))
    AND {has_chosen_key}
GROUP BY c.currency, c.project_id
ORDER BY c.currency, c.project_id
