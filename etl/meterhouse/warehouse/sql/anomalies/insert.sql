-- A day that is found odd for the first time.
INSERT INTO warehouse.cost_anomalies (
    organization_id, usage_date, series_kind, series_key, project_id, currency, kind, actual_cost, expected_cost, low_cost, high_cost, z_score,
    reason, explained_kind, explained_key, state, first_seen_at, judged_at
)
VALUES (
    %(organization_id)s, %(usage_date)s, %(series_kind)s, %(series_key)s, %(project_id)s, %(currency)s, %(kind)s, %(actual_cost)s,
    %(expected_cost)s, %(low_cost)s, %(high_cost)s, %(z_score)s, %(reason)s, %(explained_kind)s, %(explained_key)s, 'new', now(), now()
)
