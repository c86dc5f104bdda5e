-- A day that was found odd before, and whose figures are others now.
UPDATE warehouse.cost_anomalies
SET kind = %(kind)s, actual_cost = %(actual_cost)s, expected_cost = %(expected_cost)s, low_cost = %(low_cost)s, high_cost = %(high_cost)s,
    z_score = %(z_score)s, reason = %(reason)s, explained_kind = %(explained_kind)s, explained_key = %(explained_key)s, state = %(state)s,
    judged_at = now()
WHERE anomaly_id = %(anomaly_id)s
