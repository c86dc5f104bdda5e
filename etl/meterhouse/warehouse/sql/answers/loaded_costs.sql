-- How far costs are read and settled, per organization that has them.
SELECT
    f.organization,
    f.last_loaded_at_utc,
    f.first_bucket_utc,
    f.settled_through_date,
    f.settled_bucket_count,
    f.missing_bucket_count
FROM freshness f
WHERE f.endpoint = 'costs'
    AND f.bucket_width = '1d'
    AND f.status = 'loaded'
    AND (%(organizations)s::text [] IS NULL OR f.organization = ANY (%(organizations)s::text []))
ORDER BY f.organization
