-- The last day whose costs were over and read for each of the chosen organizations.
SELECT min(d.day) AS day
FROM (
    SELECT v.organization, max(v.usage_date) AS day
    FROM bi.coverage v
    WHERE v.endpoint = 'costs' AND v.status IN ('loaded', 'empty')
        AND (%(organizations)s::text [] IS NULL OR v.organization = ANY (%(organizations)s::text []))
    GROUP BY v.organization
) d
