-- What is known of each bucket: whether anything of it was loaded, and whether all of it was over and read.
-- Streams: costs by day, and usage in the chosen width.
SELECT
    CASE WHEN v.endpoint = 'costs' THEN 'costs' ELSE 'usage' END AS dataset,
    v.bucket_start_utc AS bucket,
    bool_or(v.status <> 'missing') AS is_loaded,
    bool_and(v.status IN ('loaded', 'empty')) AS is_complete
FROM bi.coverage v
WHERE v.usage_date BETWEEN %(first)s::date AND %(last)s::date
    AND (v.endpoint = 'costs' AND v.bucket_width = '1d' OR v.endpoint = ANY (%(endpoints)s::text []) AND v.bucket_width = %(width)s)
    AND (%(organizations)s::text [] IS NULL OR v.organization = ANY (%(organizations)s::text []))
GROUP BY 1, 2
ORDER BY 1, 2
