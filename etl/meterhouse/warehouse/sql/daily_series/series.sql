-- One row per member and currency, with its days in order. A day of which a part is unknown is unknown.
WITH daily AS (
    SELECT
        r.series_key,
        r.project_id,
        r.currency,
        r.usage_date,
        CASE WHEN sum(r.rows_without_cost) = 0 THEN sum(r.cost) END AS cost
    FROM place.rows_of_kind() r
    GROUP BY 1, 2, 3, 4
)

SELECT
    d.series_key,
    d.project_id,
    d.currency,
    array_agg(d.usage_date ORDER BY d.usage_date) AS usage_dates,
    array_agg(d.cost ORDER BY d.usage_date) AS costs
FROM daily d
GROUP BY 1, 2, 3
ORDER BY d.series_key COLLATE "C", d.project_id COLLATE "C", d.currency COLLATE "C"
