-- The last day whose costs are settled for each of some organizations.
SELECT max(d.usage_date) AS day
FROM (
    SELECT v.usage_date
    FROM coverage v
    WHERE v.endpoint = 'costs' AND v.bucket_width = '1d' AND v.is_complete AND v.organization = ANY (%(cost_organizations)s::text [])
    GROUP BY v.usage_date
    HAVING count(*) = cardinality(%(cost_organizations)s::text [])
) d
