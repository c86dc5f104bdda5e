-- One row per UTC day without gaps, from the start of the year of the first loaded bucket to the end of next year: a dimension of the star.
-- Refreshed by the calendar. There are no figures to add up.
SELECT
    d.usage_date,
    d.year::bigint AS year,
    d.quarter::bigint AS quarter,
    d.month::bigint AS month,
    d.month_start,
    d.month_name::varchar(16) AS month_name,
    d.iso_week::bigint AS iso_week,
    d.week_start,
    d.weekday::bigint AS weekday,
    d.weekday_name::varchar(16) AS weekday_name,
    d.is_weekend
FROM warehouse.dim_date d
WHERE d.usage_date >= (
    SELECT coalesce(date_trunc('year', min(c.bucket_start) AT TIME ZONE 'UTC'), date_trunc('year', now() AT TIME ZONE 'UTC') - interval '1 year')
    FROM ops.coverage c
)::date
AND d.usage_date < (date_trunc('year', now() AT TIME ZONE 'UTC') + interval '2 years')::date
