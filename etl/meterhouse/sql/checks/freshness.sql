-- severity: fail
-- A stream that is offered was not loaded within its time: three hours for usage, thirty for costs.
-- The demo organization counts while there is no other: a stack with a key no longer loads it.
SELECT format('%%s/%%s/%%s: last loaded %%s UTC', f.organization, f.endpoint, f.bucket_width, f.last_loaded_at_utc)
FROM bi.freshness f
WHERE f.status = 'loaded'
AND (f.organization <> 'demo' OR NOT EXISTS (SELECT FROM bi.dim_organization o WHERE o.organization <> 'demo'))
AND f.loaded_until_utc IS NOT NULL
AND f.last_loaded_at_utc < (%(now)s::timestamptz AT TIME ZONE 'UTC')
    - CASE WHEN f.endpoint = 'costs' THEN interval '30 hours' ELSE interval '3 hours' END
ORDER BY 1
