-- Forecasts of a day whose series is no longer there, such as that of a team without assignments.
DELETE FROM warehouse.cost_forecasts f
WHERE f.organization_id = %(organization_id)s AND f.as_of_date = %(as_of_date)s AND NOT EXISTS (
    SELECT
    FROM unnest(%(kinds)s::text [], %(keys)s::text [], %(currencies)s::text []) AS s (series_kind, series_key, currency)
    WHERE s.series_kind = f.series_kind AND s.series_key = f.series_key AND s.currency IS NOT DISTINCT FROM f.currency
)
