-- One row per organization, UTC day, project and currency: costs_daily_by_project with each amount converted to the reporting currency beside
-- it, at the rate of the day, or the last one of the seven days before it. Refreshed by every load of costs and by meterhouse import rates.
-- cost can be added up within one currency; cost_converted over all rows in which it is known.
WITH rated AS (
    SELECT d.usage_date, d.currency, {reporting_currency} AS reporting_currency, r.rate, r.rate_date
    FROM (SELECT DISTINCT c.usage_date, c.currency FROM warehouse.rollup_costs_by_project c) d
    LEFT JOIN LATERAL (
        SELECT 1::numeric AS rate, d.usage_date AS rate_date
        WHERE d.currency = {reporting_currency}
        UNION ALL
        (
            SELECT x.rate, x.rate_date
            FROM warehouse.exchange_rates x
            WHERE x.from_currency = d.currency AND x.to_currency = {reporting_currency}
                AND x.rate_date <= d.usage_date AND x.rate_date >= d.usage_date - 7
            ORDER BY x.rate_date DESC
            LIMIT 1
        )
        LIMIT 1
    ) r ON true
)

SELECT
    c.usage_date,
    o.label::varchar(64) AS organization,
    c.project_id::varchar(128) AS project_id,
    p.project_name::varchar(255) AS project_name,
    c.cost::numeric(28, 12) AS cost,
    {currency:c.currency},
    CASE WHEN abs(c.cost * r.rate) < 1e16 THEN c.cost * r.rate END::numeric(28, 12) AS cost_converted,
    r.reporting_currency::varchar(3) AS reporting_currency,
    r.rate::numeric(28, 12) AS rate,
    r.rate_date,
    CASE
        WHEN r.reporting_currency IS NULL THEN 'no_reporting_currency'
        WHEN c.currency IS NULL THEN 'no_currency'
        WHEN r.rate IS NULL THEN 'no_rate'
        WHEN c.cost IS NULL THEN 'amount_missing'
        WHEN abs(c.cost * r.rate) >= 1e16 THEN 'too_large'
    END::varchar(32) AS conversion_reason,
    coalesce(v.is_complete, false) AS is_complete,
    coalesce(v.finality, 'open')::varchar(16) AS finality
FROM warehouse.rollup_costs_by_project c
JOIN warehouse.dim_organization o ON o.organization_id = c.organization_id
JOIN rated r ON r.usage_date = c.usage_date AND coalesce(r.currency, '') = coalesce(c.currency, '')
LEFT JOIN ops.coverage v
    ON v.organization_id = c.organization_id AND v.endpoint = 'costs' AND v.bucket_width = 1440
    AND v.bucket_start = c.usage_date::timestamp AT TIME ZONE 'UTC'
LEFT JOIN warehouse.current_projects p ON p.organization_id = c.organization_id AND p.project_id = c.project_id
