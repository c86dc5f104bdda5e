-- One row per UTC day and pair of currencies: a rate that was imported. Refreshed by meterhouse import rates. Rates cannot be added up.
SELECT
    r.rate_date,
    r.from_currency::varchar(3) AS from_currency,
    r.to_currency::varchar(3) AS to_currency,
    r.rate::numeric(28, 12) AS rate,
    r.source::varchar(255) AS rate_source,
    (r.imported_at AT TIME ZONE 'UTC') AS imported_at_utc
FROM warehouse.exchange_rates r
