-- Days that are no longer odd; their figures stay as they were when they were.
UPDATE warehouse.cost_anomalies
SET state = 'withdrawn', reason = 'no longer unusual, since it or a day before it was restated', judged_at = now()
WHERE anomaly_id = ANY(%(anomaly_ids)s::bigint [])
