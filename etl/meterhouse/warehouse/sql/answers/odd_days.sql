-- The unusual days that faces show, of the given days, the newest first: without what a part of it explains, and without planned activity.
SELECT
    a.usage_date,
    a.organization,
    a.series_kind,
    a.series_key,
    a.series_name,
    a.currency,
    a.actual_cost,
    a.expected_cost,
    a.excess_cost,
    a.kind,
    a.state,
    a.reason,
    a.project_id,
    a.project_name
FROM cost_anomalies a
WHERE a.is_shown
    AND a.usage_date BETWEEN %(first)s::date AND %(last)s::date
    AND (%(organizations)s::text [] IS NULL OR a.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(a.project_id, '') = ANY (%(projects)s::text []))
ORDER BY a.usage_date DESC, abs(a.excess_cost) DESC NULLS LAST, a.organization, a.series_kind, a.series_key
