-- severity: fail
-- A bucket between the first one loaded and the watermark was never loaded.
SELECT format('%%s/%%s/%%s: %%s buckets missing, the first at %%s', c.organization, c.endpoint, c.bucket_width, count(*), min(c.bucket_start_utc))
FROM bi.coverage c
WHERE c.status = 'missing'
GROUP BY c.organization, c.endpoint, c.bucket_width
ORDER BY 1
