-- What is stored of odd days from one day on.
SELECT
    a.usage_date, a.series_kind, a.series_key, a.project_id, a.currency,
    a.kind, a.actual_cost, a.expected_cost, a.low_cost, a.high_cost, a.z_score, a.reason, a.explained_kind, a.explained_key,
    a.state, a.anomaly_id
FROM warehouse.cost_anomalies a
WHERE a.organization_id = %(organization_id)s AND a.usage_date >= %(first)s
