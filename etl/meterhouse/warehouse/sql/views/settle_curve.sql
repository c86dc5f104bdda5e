-- One row per organization, endpoint, metric and age: which share of the final figures of settled days was known that many hours
-- after the end of the day, according to what each load read. Covers days among the last 90 that were first read at this age or earlier.
-- Shares above 1 were corrected downwards later. Refreshed by every load of day buckets. Shares cannot be added up.
WITH reading AS (
    SELECT
        t.organization_id,
        t.endpoint,
        t.bucket_width,
        t.bucket_start,
        t.bucket_start + make_interval(mins => t.bucket_width) AS bucket_end,
        t.read_at,
        t.totals,
        first_value(t.read_at) OVER day AS first_read_at,
        last_value(t.totals) OVER day AS final_totals,
        lead(t.read_at) OVER (PARTITION BY t.organization_id, t.endpoint, t.bucket_width, t.bucket_start ORDER BY t.read_at) AS next_read_at
    FROM ops.bucket_totals t
    JOIN ops.coverage c
        ON c.organization_id = t.organization_id AND c.endpoint = t.endpoint AND c.bucket_width = t.bucket_width
        AND c.bucket_start = t.bucket_start AND c.is_complete
    WHERE t.bucket_start >= (SELECT max(l.bucket_start) FROM ops.bucket_totals l) - interval '90 days'
    WINDOW day AS (
        PARTITION BY t.organization_id, t.endpoint, t.bucket_width, t.bucket_start
        ORDER BY t.read_at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
),

known AS (
    SELECT
        r.organization_id,
        r.endpoint,
        r.bucket_width,
        m.metric,
        a.age_hours,
        coalesce((r.totals ->> m.metric)::numeric, 0) AS known_figure,
        coalesce((r.final_totals ->> m.metric)::numeric, 0) AS final_figure
    FROM reading r
    CROSS JOIN (
        VALUES (0), (1), (2), (3), (4), (5), (6), (8), (10), (12), (18), (24), (30), (36), (48), (72), (96), (120), (168), (240), (360), (720)
    ) AS a (age_hours)
    JOIN ops.watermarks w
        ON w.organization_id = r.organization_id AND w.endpoint = r.endpoint AND w.bucket_width = r.bucket_width
    CROSS JOIN LATERAL jsonb_object_keys(r.final_totals || r.totals) AS m (metric)
    -- The last reading up to that age, for a day that has reached it.
    WHERE r.read_at <= r.bucket_end + make_interval(hours => a.age_hours)
        AND (r.next_read_at IS NULL OR r.next_read_at > r.bucket_end + make_interval(hours => a.age_hours))
        AND r.first_read_at <= r.bucket_end + make_interval(hours => a.age_hours)
        AND w.updated_at >= r.bucket_end + make_interval(hours => a.age_hours)
)

SELECT
    o.label::varchar(64) AS organization,
    k.endpoint::varchar(64) AS endpoint,
    CASE k.bucket_width WHEN 1440 THEN '1d' WHEN 60 THEN '1h' ELSE '1m' END::varchar(2) AS bucket_width,
    k.metric::varchar(64) AS metric,
    k.age_hours::bigint AS age_hours,
    count(*)::bigint AS day_count,
    CASE WHEN abs(sum(k.known_figure)) < 100000 * abs(sum(k.final_figure)) THEN sum(k.known_figure) / sum(k.final_figure) END
        ::numeric(12, 6) AS known_share,
    min(CASE WHEN abs(k.known_figure) < 100000 * abs(k.final_figure) THEN k.known_figure / k.final_figure END)::numeric(12, 6)
        AS least_known_share,
    (count(*) FILTER (WHERE k.known_figure = k.final_figure))::bigint AS final_day_count
FROM known k
JOIN warehouse.dim_organization o ON o.organization_id = k.organization_id
GROUP BY o.label, k.endpoint, k.bucket_width, k.metric, k.age_hours
