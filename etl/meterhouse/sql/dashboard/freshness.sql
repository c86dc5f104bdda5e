-- How far usage and costs are loaded, and when they were last: the stream that is furthest behind speaks for the others.
SELECT
    CASE WHEN f.endpoint = 'costs' THEN 'costs' ELSE 'usage' END AS dataset,
    f.bucket_width,
    min(f.loaded_until_utc) AS loaded_until_utc,
    max(f.last_loaded_at_utc) AS last_loaded_at_utc,
    min(f.first_bucket_utc) AS first_bucket_utc,
    max(f.last_bucket_utc) AS last_bucket_utc,
    coalesce(sum(f.missing_bucket_count), 0)::bigint AS missing_bucket_count
FROM bi.freshness f
WHERE f.status = 'loaded' AND (%(organizations)s::text [] IS NULL OR f.organization = ANY (%(organizations)s::text []))
GROUP BY 1, 2
ORDER BY 1, 2
