-- The newest forecast of a month, of each organization's, project's and team's costs by currency: what it adds to the settled days, or why there
-- is none.
SELECT DISTINCT ON (f.series_kind, f.series_key, f.currency)
    f.series_kind,
    f.series_key,
    f.currency,
    f.as_of_date,
    f.forecast_rest_cost,
    f.low_cost - f.billed_cost AS low_rest_cost,
    f.high_cost - f.billed_cost AS high_rest_cost,
    f.reason
FROM warehouse.cost_forecasts f
WHERE f.organization_id = %(organization_id)s AND f.month_start = %(month_start)s
ORDER BY f.series_kind, f.series_key, f.currency, f.as_of_date DESC
