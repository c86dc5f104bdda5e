-- How the forecasts of a month that is over compare with what it cost, the earliest first.
SELECT
    f.month_start,
    f.organization,
    f.as_of_date,
    f.series_kind,
    f.series_key,
    f.currency,
    f.expected_cost,
    f.actual_cost,
    f.days_left
FROM forecast_accuracy f
WHERE f.month_start = %(month)s::date
    AND (%(organizations)s::text [] IS NULL OR f.organization = ANY (%(organizations)s::text []))
    AND f.series_kind = CASE WHEN %(by_project)s THEN 'project' ELSE 'organization' END
    AND (%(projects)s::text [] IS NULL OR f.series_key = ANY (%(projects)s::text []))
ORDER BY f.as_of_date, f.organization, f.series_key, f.currency
