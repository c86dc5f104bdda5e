-- The comparisons of the organization, with the state of the costs that they were made from.
WITH gone AS (
    DELETE FROM warehouse.cost_comparisons c
    WHERE c.organization_id = %(organization_id)s
    RETURNING 1
)

INSERT INTO warehouse.cost_comparisons (
    organization_id, comparison, period_first_date, period_last_date, previous_first_date, previous_last_date, days, previous_days, reason,
    sources, compared_at
)
SELECT
    %(organization_id)s,
    d.comparison,
    min(d.usage_date) FILTER (WHERE d.is_of_period),
    max(d.usage_date) FILTER (WHERE d.is_of_period),
    min(d.usage_date) FILTER (WHERE NOT d.is_of_period),
    max(d.usage_date) FILTER (WHERE NOT d.is_of_period),
    CASE WHEN max(d.previous_days) > 0 THEN max(d.days) ELSE 0 END,
    max(d.previous_days),
    max(r.reason),
    %(sources)s,
    now()
FROM change_day d
LEFT JOIN unnest(%(reasoned)s::text [], %(reasons)s::text []) AS r (comparison, reason) ON r.comparison = d.comparison
WHERE (SELECT count(*) FROM gone) >= 0
GROUP BY d.comparison
