-- Expected at the end of the month
-- US dollars that the current month is expected to cost, as of the last final day. Not filtered by dates or project.
SELECT
    sum(f.expected_cost)::numeric(28, 12) AS expected_cost
FROM bi.cost_forecast f
WHERE f.is_latest AND f.is_current_month AND f.series_kind = 'organization' AND f.currency = 'usd'
