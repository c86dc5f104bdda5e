-- severity: warn
-- A settled day of the last 7 was unusual: an organization, a project, a model or an API key cost more or less than expected.
SELECT format(
    '%%s, %%s%%s, %%s: %%s were billed, %%s; if it was planned, import that with meterhouse import planned FILE',
    a.organization, CASE a.series_kind WHEN 'api_key' THEN 'API key' ELSE a.series_kind END,
    CASE WHEN a.series_kind = 'organization' THEN '' ELSE ' “' || a.series_name || '”' END,
    a.usage_date, concat_ws(' ', round(a.actual_cost, 2)::text, a.currency), a.reason
)
FROM bi.cost_anomalies a
WHERE a.is_shown AND a.organization = ANY(%(labels)s::text[])
AND a.usage_date > (
    SELECT max((c.bucket_start AT TIME ZONE 'UTC')::date) - 7
    FROM ops.coverage c
    JOIN warehouse.dim_organization o ON o.organization_id = c.organization_id
    WHERE c.endpoint = 'costs' AND c.bucket_width = 1440 AND c.is_complete AND o.label = a.organization
)
ORDER BY a.usage_date DESC, abs(a.excess_cost) DESC, a.organization, a.series_kind, a.series_key
