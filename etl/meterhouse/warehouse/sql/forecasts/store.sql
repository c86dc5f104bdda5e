-- One forecast; a stored one of the same day is written again only if it differs.
INSERT INTO warehouse.cost_forecasts AS f (
    organization_id, month_start, series_kind, series_key, project_id, currency, as_of_date, days_left, billed_cost, previous_month_cost,
    forecast_rest_cost, expected_cost, low_cost, high_cost, model, origins, mean_error_share, bias_share, inside_share, reason, forecast_at
)
VALUES (
    %(organization_id)s, %(month_start)s, %(series_kind)s, %(series_key)s, %(project_id)s, %(currency)s, %(as_of_date)s, %(days_left)s,
    %(billed_cost)s, %(previous_month_cost)s, %(forecast_rest_cost)s, %(expected_cost)s, %(low_cost)s, %(high_cost)s, %(model)s, %(origins)s,
    %(mean_error_share)s, %(bias_share)s, %(inside_share)s, %(reason)s, now()
)
ON CONFLICT ON CONSTRAINT uq_cost_forecasts_day DO UPDATE SET
    billed_cost = excluded.billed_cost,
    previous_month_cost = excluded.previous_month_cost,
    forecast_rest_cost = excluded.forecast_rest_cost,
    expected_cost = excluded.expected_cost,
    low_cost = excluded.low_cost,
    high_cost = excluded.high_cost,
    model = excluded.model,
    origins = excluded.origins,
    mean_error_share = excluded.mean_error_share,
    bias_share = excluded.bias_share,
    inside_share = excluded.inside_share,
    reason = excluded.reason,
    forecast_at = excluded.forecast_at
WHERE (
    f.billed_cost, f.previous_month_cost, f.forecast_rest_cost, f.expected_cost, f.low_cost, f.high_cost, f.model, f.origins,
    f.mean_error_share, f.bias_share, f.inside_share, f.reason
) IS DISTINCT FROM (
    excluded.billed_cost, excluded.previous_month_cost, excluded.forecast_rest_cost, excluded.expected_cost, excluded.low_cost,
    excluded.high_cost, excluded.model, excluded.origins, excluded.mean_error_share, excluded.bias_share, excluded.inside_share,
    excluded.reason
)
