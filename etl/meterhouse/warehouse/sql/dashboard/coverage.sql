-- How final the loaded buckets of each stream are, as spans of buckets that follow each other; a bucket that was not loaded is in no span.
SELECT
    s.organization,
    s.endpoint,
    s.bucket_width,
    s.finality,
    min(s.bucket_start_utc) AS first_bucket,
    max(s.bucket_start_utc) AS last_bucket
FROM (
    SELECT
        v.organization,
        v.endpoint,
        v.bucket_width,
        v.finality,
        v.bucket_start_utc,
        -- The same for all buckets of a span, because their starts and their numbers grow together.
        v.bucket_start_utc - %(step)s::interval
        * row_number() OVER (PARTITION BY v.organization, v.endpoint, v.finality ORDER BY v.bucket_start_utc) AS island
    FROM coverage v
    WHERE v.status <> 'missing'
        AND v.usage_date BETWEEN %(first)s::date AND %(last)s::date
        AND v.endpoint = ANY (%(endpoints)s::text [])
        AND v.bucket_width = %(width)s
        AND (%(organizations)s::text [] IS NULL OR v.organization = ANY (%(organizations)s::text []))
) s
GROUP BY s.organization, s.endpoint, s.bucket_width, s.finality, s.island
ORDER BY s.organization, s.endpoint, first_bucket
