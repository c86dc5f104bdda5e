-- severity: fail
-- The sums by day that the views of long ranges read are not those of the rows, on a day that was loaded within the last 24 hours.
WITH loaded AS (
    SELECT DISTINCT o.label AS organization, l.endpoint, d.day::date AS usage_date
    FROM ops.load_log l
    JOIN warehouse.dim_organization o ON o.organization_id = l.organization_id
    CROSS JOIN LATERAL generate_series(
        date_trunc('day', l.window_start AT TIME ZONE 'UTC'), l.window_end AT TIME ZONE 'UTC' - interval '1 microsecond', interval '1 day'
    ) AS d (day)
    WHERE l.bucket_width = 1440 AND l.loaded_at >= %(now)s::timestamptz - interval '24 hours'
),

facts AS (
    SELECT u.organization, u.endpoint, u.usage_date, count(*) AS row_count, jsonb_build_object({sums_by_name}) AS sums
    FROM warehouse.usage_named u
    WHERE u.bucket_width = 1440
    AND u.bucket_at >= (SELECT min(l.usage_date) FROM loaded l)::timestamp AT TIME ZONE 'UTC'
    AND u.bucket_at <= (SELECT max(l.usage_date) FROM loaded l)::timestamp AT TIME ZONE 'UTC'
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT c.organization, 'costs', c.usage_date, count(*), jsonb_build_object('cost', sum(c.cost))
    FROM bi.costs_daily c
    WHERE c.usage_date BETWEEN (SELECT min(l.usage_date) FROM loaded l) AND (SELECT max(l.usage_date) FROM loaded l)
    GROUP BY 1, 2, 3
),

rollups AS (
    SELECT 'usage_daily_by_model' AS view_name, u.organization, u.endpoint, u.usage_date, sum(u.row_count) AS row_count,
        jsonb_build_object({sums_by_name}) AS sums
    FROM bi.usage_daily_by_model u
    WHERE u.usage_date BETWEEN (SELECT min(l.usage_date) FROM loaded l) AND (SELECT max(l.usage_date) FROM loaded l)
    GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT 'usage_daily_by_api_key', u.organization, u.endpoint, u.usage_date, sum(u.row_count), jsonb_build_object({sums_by_name})
    FROM bi.usage_daily_by_api_key u
    WHERE u.usage_date BETWEEN (SELECT min(l.usage_date) FROM loaded l) AND (SELECT max(l.usage_date) FROM loaded l)
    GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT 'usage_daily_by_user', u.organization, u.endpoint, u.usage_date, sum(u.row_count), jsonb_build_object({sums_by_name})
    FROM bi.usage_daily_by_user u
    WHERE u.usage_date BETWEEN (SELECT min(l.usage_date) FROM loaded l) AND (SELECT max(l.usage_date) FROM loaded l)
    GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT 'costs_daily_by_line_item', c.organization, 'costs', c.usage_date, sum(c.row_count), jsonb_build_object('cost', sum(c.cost))
    FROM bi.costs_daily_by_line_item c
    WHERE c.usage_date BETWEEN (SELECT min(l.usage_date) FROM loaded l) AND (SELECT max(l.usage_date) FROM loaded l)
    GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT 'costs_daily_by_api_key', c.organization, 'costs', c.usage_date, sum(c.row_count), jsonb_build_object('cost', sum(c.cost))
    FROM bi.costs_daily_by_api_key c
    WHERE c.usage_date BETWEEN (SELECT min(l.usage_date) FROM loaded l) AND (SELECT max(l.usage_date) FROM loaded l)
    GROUP BY 1, 2, 3, 4
),

expected (view_name, is_costs) AS (
    VALUES
    ('usage_daily_by_model', false),
    ('usage_daily_by_api_key', false),
    ('usage_daily_by_user', false),
    ('costs_daily_by_line_item', true),
    ('costs_daily_by_api_key', true)
)

SELECT format(
    '%%1$s/%%2$s on %%3$s: bi.%%4$s is not the sum of the rows, to be mended with meterhouse backfill --from %%3$s --to %%3$s --only %%2$s',
    l.organization, l.endpoint, l.usage_date, string_agg(e.view_name, ' and bi.' ORDER BY e.view_name)
)
FROM loaded l
JOIN expected e ON e.is_costs = (l.endpoint = 'costs')
LEFT JOIN facts f ON (f.organization, f.endpoint, f.usage_date) = (l.organization, l.endpoint, l.usage_date)
LEFT JOIN rollups r
    ON r.view_name = e.view_name AND (r.organization, r.endpoint, r.usage_date) = (l.organization, l.endpoint, l.usage_date)
WHERE (coalesce(f.row_count, 0), f.sums) IS DISTINCT FROM (coalesce(r.row_count, 0), r.sums)
GROUP BY l.organization, l.endpoint, l.usage_date
ORDER BY 1
