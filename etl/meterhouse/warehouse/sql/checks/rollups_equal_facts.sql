-- severity: fail
-- The daily totals that the views for long ranges read differ from the rows, on one of the last 40 days or a day loaded within 24 hours.
WITH loaded AS (
    SELECT o.label AS organization, c.endpoint, (c.bucket_start AT TIME ZONE 'UTC')::date AS usage_date
    FROM ops.coverage c
    JOIN warehouse.dim_organization o ON o.organization_id = c.organization_id
    WHERE c.bucket_width = 1440 AND c.bucket_start >= date_trunc('day', %(now)s::timestamptz) - interval '40 days'
    UNION
    SELECT o.label, l.endpoint, d.day::date
    FROM ops.load_log l
    JOIN warehouse.dim_organization o ON o.organization_id = l.organization_id
    CROSS JOIN LATERAL generate_series(
        date_trunc('day', l.window_start AT TIME ZONE 'UTC'), l.window_end AT TIME ZONE 'UTC' - interval '1 microsecond', interval '1 day'
    ) AS d (day)
    WHERE l.bucket_width = 1440 AND l.loaded_at >= %(now)s::timestamptz - interval '24 hours'
),

days AS (
    SELECT DISTINCT l.usage_date FROM loaded l
),

facts AS (
    SELECT
        u.organization, u.endpoint, u.usage_date, u.project_id, NULL AS currency, count(*) AS row_count, jsonb_build_object({sums_by_name}) AS sums
    FROM warehouse.usage_named u
    WHERE u.bucket_width = 1440 AND u.usage_date IN (SELECT d.usage_date FROM days d)
    AND u.bucket_at >= (SELECT min(d.usage_date) FROM days d)::timestamp AT TIME ZONE 'UTC'
    AND u.bucket_at <= (SELECT max(d.usage_date) FROM days d)::timestamp AT TIME ZONE 'UTC'
    GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT
        c.organization, 'costs', c.usage_date, c.project_id, c.currency, count(*),
        jsonb_build_object('cost', sum(c.cost), 'unknown', count(*) FILTER (WHERE c.cost IS NULL))
    FROM bi.costs_daily c
    WHERE c.usage_date IN (SELECT d.usage_date FROM days d)
    GROUP BY 1, 2, 3, 4, 5
),

rollups AS (
    SELECT
        'usage_daily_by_model' AS view_name, u.organization, u.endpoint, u.usage_date, u.project_id, NULL AS currency,
        sum(u.row_count) AS row_count, jsonb_build_object({sums_by_name}) AS sums
    FROM bi.usage_daily_by_model u
    WHERE u.usage_date IN (SELECT d.usage_date FROM days d)
    GROUP BY 1, 2, 3, 4, 5
    UNION ALL
    SELECT
        'usage_daily_by_api_key', u.organization, u.endpoint, u.usage_date, u.project_id, NULL, sum(u.row_count),
        jsonb_build_object({sums_by_name})
    FROM bi.usage_daily_by_api_key u
    WHERE u.usage_date IN (SELECT d.usage_date FROM days d)
    GROUP BY 1, 2, 3, 4, 5
    UNION ALL
    SELECT
        'usage_daily_by_user', u.organization, u.endpoint, u.usage_date, u.project_id, NULL, sum(u.row_count), jsonb_build_object({sums_by_name})
    FROM bi.usage_daily_by_user u
    WHERE u.usage_date IN (SELECT d.usage_date FROM days d)
    GROUP BY 1, 2, 3, 4, 5
    UNION ALL
    SELECT
        'costs_daily_by_line_item', c.organization, 'costs', c.usage_date, c.project_id, c.currency, sum(c.row_count),
        jsonb_build_object('cost', sum(c.cost), 'unknown', sum(c.rows_without_cost))
    FROM bi.costs_daily_by_line_item c
    WHERE c.usage_date IN (SELECT d.usage_date FROM days d)
    GROUP BY 1, 2, 3, 4, 5, 6
    UNION ALL
    SELECT
        'costs_daily_by_api_key', c.organization, 'costs', c.usage_date, c.project_id, c.currency, sum(c.row_count),
        jsonb_build_object('cost', sum(c.cost), 'unknown', sum(c.rows_without_cost))
    FROM bi.costs_daily_by_api_key c
    WHERE c.usage_date IN (SELECT d.usage_date FROM days d)
    GROUP BY 1, 2, 3, 4, 5, 6
    UNION ALL
    SELECT
        'costs_daily_by_project', c.organization, 'costs', c.usage_date, c.project_id, c.currency, sum(c.row_count),
        jsonb_build_object('cost', sum(c.cost), 'unknown', sum(c.rows_without_cost))
    FROM bi.costs_daily_by_project c
    WHERE c.usage_date IN (SELECT d.usage_date FROM days d)
    GROUP BY 1, 2, 3, 4, 5, 6
),

expected AS (
    SELECT e.view_name, f.organization, f.endpoint, f.usage_date, f.project_id, f.currency, f.row_count, f.sums
    FROM facts f
    JOIN (
        VALUES
        ('usage_daily_by_model', false),
        ('usage_daily_by_api_key', false),
        ('usage_daily_by_user', false),
        ('costs_daily_by_line_item', true),
        ('costs_daily_by_api_key', true),
        ('costs_daily_by_project', true)
    ) AS e (view_name, is_costs)
        ON e.is_costs = (f.endpoint = 'costs')
),

-- A set's difference takes two nulls for equal, as a sum does.
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
JOIN loaded l ON (l.organization, l.endpoint, l.usage_date) = (d.organization, d.endpoint, d.usage_date)
GROUP BY d.organization, d.endpoint, d.usage_date
ORDER BY 1
