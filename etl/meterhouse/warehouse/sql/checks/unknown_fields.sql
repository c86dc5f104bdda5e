-- severity: warn
-- In the last week the vendor sent fields that this version does not know; their values are kept in extra.
SELECT format('%%s/%%s: %%s, kept in extra until a newer meterhouse knows them', o.label, l.endpoint, string_agg(DISTINCT n.field, ', '))
FROM ops.load_log l
JOIN warehouse.dim_organization o ON o.organization_id = l.organization_id
CROSS JOIN LATERAL unnest(l.unknown_fields) AS n (field)
WHERE l.loaded_at > %(now)s::timestamptz - interval '7 days'
GROUP BY o.label, l.endpoint
ORDER BY o.label, l.endpoint
