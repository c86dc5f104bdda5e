-- The local days from the first loaded hour to the last: where each begins and ends, and how many hours begin on it.
-- Hours are read by day: a range of days is a range of their key, in few months.
SELECT
    d.usage_date AS usage_date_local,
    d.usage_date::timestamp AT TIME ZONE {time_zone} AS first_start,
    (d.usage_date + 1)::timestamp AT TIME ZONE {time_zone} AS next_start,
    ceil(extract(epoch FROM (d.usage_date + 1)::timestamp AT TIME ZONE {time_zone}) / 3600)
    - ceil(extract(epoch FROM d.usage_date::timestamp AT TIME ZONE {time_zone}) / 3600) AS hours
FROM (
    SELECT
        (min(c.bucket_start) AT TIME ZONE {time_zone})::date AS first_date,
        (max(c.bucket_start) AT TIME ZONE {time_zone})::date AS last_date
    FROM ops.coverage c
    WHERE c.bucket_width = 60
) s
JOIN warehouse.dim_date d ON d.usage_date BETWEEN s.first_date AND s.last_date
