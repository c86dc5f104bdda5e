-- The newest forecast of the current month: of whole organizations, or of the chosen projects or all that a team sees.
SELECT
    f.month_start,
    f.organization,
    f.as_of_date,
    f.series_kind,
    f.series_key,
    f.currency,
    f.billed_cost,
    f.expected_cost,
    f.low_cost,
    f.high_cost,
    f.previous_month_cost,
    f.origins,
    f.inside_share,
    f.days_left,
    f.reason
FROM cost_forecast f
WHERE f.is_latest
    AND f.is_current_month
    AND %(month)s::date IS NULL
    AND (%(organizations)s::text [] IS NULL OR f.organization = ANY (%(organizations)s::text []))
    AND f.series_kind = CASE WHEN %(by_project)s THEN 'project' ELSE 'organization' END
    AND (%(projects)s::text [] IS NULL OR f.series_key = ANY (%(projects)s::text []))
ORDER BY f.organization, f.series_key, f.currency
