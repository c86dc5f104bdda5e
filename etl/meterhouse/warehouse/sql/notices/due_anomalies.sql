-- Odd days of the last ten that are shown: the cause of each only, and neither planned nor withdrawn.
SELECT
    o.organization_id,
    a.usage_date,
    a.organization,
    a.series_kind,
    a.series_key,
    a.series_name,
    a.project_id,
    a.project_name,
    a.currency,
    a.actual_cost,
    a.expected_cost,
    a.reason
FROM bi.cost_anomalies a
JOIN warehouse.dim_organization o ON o.label = a.organization
WHERE a.is_shown AND a.usage_date >= (
    SELECT max((c.bucket_start AT TIME ZONE 'UTC')::date) - 10
    FROM ops.coverage c
    WHERE c.organization_id = o.organization_id AND c.endpoint = 'costs' AND c.bucket_width = 1440
)
ORDER BY a.usage_date, a.organization, a.series_kind, a.series_key, a.anomaly_id
