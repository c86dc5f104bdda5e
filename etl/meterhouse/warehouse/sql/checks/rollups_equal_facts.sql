-- severity: fail
-- The totals by day or hour that the views for long ranges read differ from the rows: by day on one of the last 40 days, by hour on one of the
-- last 10, or on a day loaded within 24 hours.
WITH loaded AS (
    SELECT o.label AS organization, c.endpoint, c.bucket_width, (c.bucket_start AT TIME ZONE 'UTC')::date AS usage_date
    FROM ops.coverage c
    JOIN warehouse.dim_organization o ON o.organization_id = c.organization_id
    WHERE c.bucket_width IN (60, 1440)
    AND c.bucket_start >= date_trunc('day', %(now)s::timestamptz) - CASE c.bucket_width WHEN 60 THEN interval '10 days' ELSE interval '40 days' END
    UNION
    SELECT o.label, l.endpoint, l.bucket_width, d.day::date
    FROM ops.load_log l
    JOIN warehouse.dim_organization o ON o.organization_id = l.organization_id
    CROSS JOIN LATERAL generate_series(
        date_trunc('day', l.window_start AT TIME ZONE 'UTC'), l.window_end AT TIME ZONE 'UTC' - interval '1 microsecond', interval '1 day'
    ) AS d (day)
    WHERE l.bucket_width IN (60, 1440) AND l.loaded_at >= %(now)s::timestamptz - interval '24 hours'
),

days AS (
    SELECT DISTINCT l.usage_date FROM loaded l WHERE l.bucket_width = 1440
),

days_of_hours AS (
    SELECT DISTINCT l.usage_date FROM loaded l WHERE l.bucket_width = 60
),

facts AS (
    SELECT
        1440 AS bucket_width, u.organization, u.endpoint, u.usage_date, NULL::timestamp AS bucket_start_utc, u.project_id, NULL AS currency,
        count(*) AS row_count, jsonb_build_object(place.sums_by_name()) AS sums
    FROM warehouse.usage_named u
    WHERE u.bucket_width = 1440 AND u.usage_date IN (SELECT d.usage_date FROM days d)
    AND u.bucket_at >= (SELECT min(d.usage_date) FROM days d)::timestamp AT TIME ZONE 'UTC'
    AND u.bucket_at <= (SELECT max(d.usage_date) FROM days d)::timestamp AT TIME ZONE 'UTC'
    GROUP BY 2, 3, 4, 6
    UNION ALL
    SELECT
        60, u.organization, u.endpoint, u.usage_date, u.bucket_start_utc, u.project_id, NULL, count(*), jsonb_build_object(place.sums_by_name())
    FROM warehouse.usage_named u
    WHERE u.bucket_width = 60 AND u.usage_date IN (SELECT d.usage_date FROM days_of_hours d)
    AND u.bucket_at >= (SELECT min(d.usage_date) FROM days_of_hours d)::timestamp AT TIME ZONE 'UTC'
    AND u.bucket_at < (SELECT max(d.usage_date) + 1 FROM days_of_hours d)::timestamp AT TIME ZONE 'UTC'
    GROUP BY 2, 3, 4, 5, 6
    UNION ALL
    SELECT
        1440, c.organization, 'costs', c.usage_date, NULL, c.project_id, c.currency, count(*),
        jsonb_build_object('cost', sum(c.cost), 'unknown', count(*) FILTER (WHERE c.cost IS NULL))
    FROM bi.costs_daily c
    WHERE c.usage_date IN (SELECT d.usage_date FROM days d)
    GROUP BY 2, 3, 4, 6, 7
),

rollups AS (
    SELECT
        'usage_daily_by_model' AS view_name, 1440 AS bucket_width, u.organization, u.endpoint, u.usage_date, NULL::timestamp AS bucket_start_utc,
        u.project_id, NULL AS currency, sum(u.row_count) AS row_count, jsonb_build_object(place.sums_by_name()) AS sums
    FROM bi.usage_daily_by_model u
    WHERE u.usage_date IN (SELECT d.usage_date FROM days d)
    GROUP BY 3, 4, 5, 7
    UNION ALL
    SELECT
        'usage_daily_by_tier', 1440, u.organization, u.endpoint, u.usage_date, NULL, u.project_id, NULL, sum(u.row_count),
        jsonb_build_object(place.sums_by_name())
    FROM bi.usage_daily_by_tier u
    WHERE u.usage_date IN (SELECT d.usage_date FROM days d)
    GROUP BY 3, 4, 5, 7
    UNION ALL
    SELECT
        'usage_daily_by_api_key', 1440, u.organization, u.endpoint, u.usage_date, NULL, u.project_id, NULL, sum(u.row_count),
        jsonb_build_object(place.sums_by_name())
    FROM bi.usage_daily_by_api_key u
    WHERE u.usage_date IN (SELECT d.usage_date FROM days d)
    GROUP BY 3, 4, 5, 7
    UNION ALL
    SELECT
        'usage_daily_by_user', 1440, u.organization, u.endpoint, u.usage_date, NULL, u.project_id, NULL, sum(u.row_count),
        jsonb_build_object(place.sums_by_name())
    FROM bi.usage_daily_by_user u
    WHERE u.usage_date IN (SELECT d.usage_date FROM days d)
    GROUP BY 3, 4, 5, 7
    UNION ALL
    SELECT
        'usage_hourly_by_project', 60, u.organization, u.endpoint, u.usage_date, u.bucket_start_utc, u.project_id, NULL, sum(u.row_count),
        jsonb_build_object(place.sums_by_name())
    FROM bi.usage_hourly_by_project u
    WHERE u.usage_date IN (SELECT d.usage_date FROM days_of_hours d)
    GROUP BY 3, 4, 5, 6, 7
    UNION ALL
    SELECT
        'costs_daily_by_line_item', 1440, c.organization, 'costs', c.usage_date, NULL, c.project_id, c.currency, sum(c.row_count),
        jsonb_build_object('cost', sum(c.cost), 'unknown', sum(c.rows_without_cost))
    FROM bi.costs_daily_by_line_item c
    WHERE c.usage_date IN (SELECT d.usage_date FROM days d)
    GROUP BY 3, 4, 5, 7, 8
    UNION ALL
    SELECT
        'costs_daily_by_api_key', 1440, c.organization, 'costs', c.usage_date, NULL, c.project_id, c.currency, sum(c.row_count),
        jsonb_build_object('cost', sum(c.cost), 'unknown', sum(c.rows_without_cost))
    FROM bi.costs_daily_by_api_key c
    WHERE c.usage_date IN (SELECT d.usage_date FROM days d)
    GROUP BY 3, 4, 5, 7, 8
    UNION ALL
    SELECT
        'costs_daily_by_project', 1440, c.organization, 'costs', c.usage_date, NULL, c.project_id, c.currency, sum(c.row_count),
        jsonb_build_object('cost', sum(c.cost), 'unknown', sum(c.rows_without_cost))
    FROM bi.costs_daily_by_project c
    WHERE c.usage_date IN (SELECT d.usage_date FROM days d)
    GROUP BY 3, 4, 5, 7, 8
),

expected AS (
    SELECT
        e.view_name, f.bucket_width, f.organization, f.endpoint, f.usage_date, f.bucket_start_utc, f.project_id, f.currency, f.row_count, f.sums
    FROM facts f
    JOIN (
        VALUES
        ('usage_daily_by_model', 1440, false),
        ('usage_daily_by_tier', 1440, false),
        ('usage_daily_by_api_key', 1440, false),
        ('usage_daily_by_user', 1440, false),
        ('usage_hourly_by_project', 60, false),
        ('costs_daily_by_line_item', 1440, true),
        ('costs_daily_by_api_key', 1440, true),
        ('costs_daily_by_project', 1440, true)
    ) AS e (view_name, bucket_width, is_costs)
        ON e.bucket_width = f.bucket_width AND e.is_costs = (f.endpoint = 'costs')
),

-- EXCEPT treats two nulls as equal, as a sum does.
differing AS (
    (SELECT * FROM expected EXCEPT SELECT * FROM rollups)
    UNION
    (SELECT * FROM rollups EXCEPT SELECT * FROM expected)
)

SELECT format(
    '%%1$s/%%2$s on %%3$s: bi.%%4$s is not the sum of the rows, so run meterhouse rebuild-totals',
    d.organization, d.endpoint, d.usage_date, string_agg(DISTINCT d.view_name, ' and bi.')
)
FROM differing d
JOIN loaded l ON (l.organization, l.endpoint, l.bucket_width, l.usage_date) = (d.organization, d.endpoint, d.bucket_width, d.usage_date)
GROUP BY d.organization, d.endpoint, d.usage_date
ORDER BY 1
