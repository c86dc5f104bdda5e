-- Freshness
-- How far each stream is loaded, and how many of its buckets are provisional or missing. Not filtered by dates or project.
SELECT
    f.organization,
    f.endpoint,
    f.bucket_width,
    f.status,
    f.loaded_until_utc,
    f.last_loaded_at_utc,
    f.provisional_bucket_count,
    f.missing_bucket_count,
    f.row_count
FROM bi.freshness f
ORDER BY f.missing_bucket_count DESC NULLS LAST, f.organization, f.endpoint, f.bucket_width
