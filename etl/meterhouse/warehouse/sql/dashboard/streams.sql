-- How far each stream is loaded, and when it was last loaded. Includes streams that an organization does not have.
SELECT
    f.organization,
    f.endpoint,
    f.bucket_width,
    f.status = 'loaded' AS is_offered,
    f.loaded_until_utc,
    f.last_loaded_at_utc,
    f.first_bucket_utc,
    f.last_bucket_utc,
    f.settled_through_date
FROM freshness f
ORDER BY f.organization, f.endpoint, f.bucket_width
