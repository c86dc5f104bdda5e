-- Forecast of the month
-- What the current month is expected to cost, with the range of eight months in ten, by organization, team and project. Not filtered by dates or project.
SELECT
    f.organization,
    f.series_kind,
    f.series_name,
    f.currency,
    f.as_of_date,
    f.billed_cost,
    f.expected_cost,
    f.low_cost,
    f.high_cost,
    f.previous_month_cost,
    f.reason
FROM bi.cost_forecast f
WHERE f.is_latest AND f.is_current_month
ORDER BY f.organization, f.currency, f.series_kind, f.expected_cost DESC NULLS LAST
