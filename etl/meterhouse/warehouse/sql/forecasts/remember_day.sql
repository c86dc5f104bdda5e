-- What the forecasts of a day were made from.
INSERT INTO ops.forecast_days (organization_id, as_of_date, sources, forecast_at)
VALUES (%(organization_id)s, %(as_of_date)s, %(sources)s, now())
ON CONFLICT (organization_id, as_of_date) DO UPDATE SET sources = excluded.sources, forecast_at = excluded.forecast_at
