-- What the cache and batches saved, and what was left unused, in the calendar months that the chosen days touch; of settled days, per currency.
SELECT
    s.month_start,
    coalesce(s.currency, '') AS currency,
    sum(s.cache_saved_net) AS cache_saved_net,
    sum(s.batch_saved) AS batch_saved,
    sum(s.cache_unused) AS cache_unused,
    sum(s.batch_unused) AS batch_unused,
    max(s.settled_through_date) AS settled_through,
    count(*) FILTER (WHERE s.savings_reason IS NOT NULL) AS rows_in_part
FROM savings_monthly s
WHERE s.month_start BETWEEN date_trunc('month', %(first)s::date) AND %(last)s::date
    AND (%(organizations)s::text [] IS NULL OR s.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(s.project_id, '') = ANY (%(projects)s::text []))
    AND (%(models)s::text [] IS NULL OR coalesce(s.model, '') = ANY (%(models)s::text []))
GROUP BY s.month_start, s.currency
ORDER BY s.month_start, s.currency
