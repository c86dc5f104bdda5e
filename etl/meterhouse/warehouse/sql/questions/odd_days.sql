-- Unusual days
-- Final days whose cost was not what was expected, one row per cause, with the reason. Planned activity is left out.
SELECT
    a.usage_date,
    a.organization,
    a.series_kind,
    a.series_name,
    a.kind,
    a.currency,
    a.actual_cost,
    a.expected_cost,
    a.excess_cost,
    a.reason
FROM bi.cost_anomalies a
WHERE a.is_shown AND place.days(a.usage_date) AND place.project(a.project_name, a.project_id)
ORDER BY a.usage_date DESC, a.excess_cost DESC
