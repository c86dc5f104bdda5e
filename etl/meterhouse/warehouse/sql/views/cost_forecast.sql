-- One row per organization, calendar month, series of costs (the organization, each of its projects and teams), currency and settled day: what the
-- month was expected to cost on that day. Each series is forecast on its own: projects and teams need not add up to their organization. Choose
-- is_latest and is_current_month for what is expected now. Refreshed by every load, at its end; the rows of earlier days stay. Amounts can be
-- added up within one currency over the projects, or over the teams, of one month and day; ranges and shares cannot.
WITH latest AS (
    SELECT
        f.organization_id,
        f.month_start,
        f.series_kind,
        f.series_key,
        coalesce(f.currency, '') AS currency,
        max(f.as_of_date) AS as_of_date
    FROM warehouse.cost_forecasts f
    GROUP BY 1, 2, 3, 4, 5
)

SELECT
    f.month_start,
    o.label::varchar(64) AS organization,
    f.as_of_date,
    f.series_kind::varchar(16) AS series_kind,
    f.series_key::varchar(255) AS series_key,
    CASE f.series_kind
        WHEN 'organization' THEN o.label
        WHEN 'project' THEN coalesce(p.project_name, f.series_key)
        ELSE f.series_key
    END::varchar(255) AS series_name,
    f.project_id::varchar(128) AS project_id,
    {currency:f.currency},
    f.billed_cost::numeric(28, 12) AS billed_cost,
    f.forecast_rest_cost::numeric(28, 12) AS forecast_rest_cost,
    f.expected_cost::numeric(28, 12) AS expected_cost,
    f.low_cost::numeric(28, 12) AS low_cost,
    f.high_cost::numeric(28, 12) AS high_cost,
    f.previous_month_cost::numeric(28, 12) AS previous_month_cost,
    f.model::varchar(255) AS model,
    f.origins::bigint AS origins,
    f.mean_error_share::numeric(12, 6) AS mean_error_share,
    f.bias_share::numeric(12, 6) AS bias_share,
    f.inside_share::numeric(12, 6) AS inside_share,
    f.days_left::bigint AS days_left,
    f.reason::varchar(64) AS reason,
    f.as_of_date = l.as_of_date AS is_latest,
    f.month_start = c.month_start AS is_current_month,
    f.forecast_at
FROM warehouse.cost_forecasts f
JOIN latest l
    ON l.organization_id = f.organization_id AND l.month_start = f.month_start AND l.series_kind = f.series_kind
    AND l.series_key = f.series_key AND l.currency = coalesce(f.currency, '')
JOIN (
    SELECT n.organization_id, max(n.month_start) AS month_start
    FROM latest n
    GROUP BY n.organization_id
) c ON c.organization_id = f.organization_id
JOIN warehouse.dim_organization o ON o.organization_id = f.organization_id
LEFT JOIN warehouse.current_projects p ON p.organization_id = f.organization_id AND p.project_id = f.project_id
