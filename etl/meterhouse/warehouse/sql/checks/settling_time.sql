-- severity: warn
-- Days of the last 90 kept changing after they counted as settled, by more than a thousandth of the reported total:
-- METERHOUSE_USAGE_SETTLING_HOURS or METERHOUSE_COSTS_SETTLING_HOURS is too short for this organization.
WITH reading AS (
    SELECT
        t.organization_id,
        t.endpoint,
        t.bucket_start,
        m.metric,
        t.read_at,
        extract(epoch FROM t.read_at - t.bucket_start) / 3600 - t.bucket_width / 60.0 AS age_hours,
        coalesce((t.totals ->> m.metric)::numeric, 0) AS figure,
        lag(coalesce((t.totals ->> m.metric)::numeric, 0)) OVER bucket AS figure_before,
        row_number() OVER (PARTITION BY t.organization_id, t.endpoint, t.bucket_start, m.metric ORDER BY t.read_at DESC) = 1 AS is_newest
    FROM ops.bucket_totals t
    JOIN ops.coverage c
        ON c.organization_id = t.organization_id AND c.endpoint = t.endpoint AND c.bucket_width = t.bucket_width
        AND c.bucket_start = t.bucket_start AND c.is_complete
    CROSS JOIN LATERAL (
        SELECT DISTINCT jsonb_object_keys(o.totals) AS metric
        FROM ops.bucket_totals o
        WHERE o.organization_id = t.organization_id AND o.endpoint = t.endpoint AND o.bucket_width = t.bucket_width
            AND o.bucket_start = t.bucket_start
    ) m
    WHERE t.bucket_start >= %(now)s::timestamptz - interval '90 days'
    WINDOW bucket AS (PARTITION BY t.organization_id, t.endpoint, t.bucket_start, m.metric ORDER BY t.read_at)
),

-- Only days that were read while they were young: for others nobody knows when they grew.
watched AS (
    SELECT r.organization_id, r.endpoint, r.bucket_start
    FROM reading r
    GROUP BY 1, 2, 3
    HAVING min(r.age_hours) <= 1
),

change AS (
    SELECT
        r.organization_id,
        r.endpoint,
        r.bucket_start,
        r.age_hours,
        abs(r.figure - r.figure_before) AS moved,
        sum(abs(r.figure - r.figure_before)) OVER (
            PARTITION BY r.organization_id, r.endpoint ORDER BY r.age_hours DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS moved_later,
        sum(abs(r.figure - r.figure_before)) OVER (PARTITION BY r.organization_id, r.endpoint) AS moved_in_all
    FROM reading r
    JOIN watched w USING (organization_id, endpoint, bucket_start)
    WHERE r.age_hours > 0 AND r.figure <> r.figure_before
),

stream AS (
    SELECT
        w.organization_id,
        w.endpoint,
        count(*) AS days,
        CASE WHEN w.endpoint IN ('costs', 'costs_by_user') THEN 'COSTS' ELSE 'USAGE' END AS family,
        CASE WHEN w.endpoint IN ('costs', 'costs_by_user') THEN %(costs_settling_hours)s::integer ELSE %(usage_settling_hours)s::integer END AS settling_hours,
        CASE WHEN w.endpoint IN ('costs', 'costs_by_user') THEN %(costs_lookback_days)s::integer ELSE %(usage_lookback_days)s::integer END AS lookback_days
    FROM watched w
    GROUP BY 1, 2
    HAVING count(*) >= 14
),

observed AS (
    SELECT
        s.*,
        o.label,
        f.figure,
        coalesce(g.late_days, 0) AS late_days,
        coalesce(g.moved_late, 0) AS moved_late,
        coalesce(g.suggested_hours, 0) AS suggested_hours,
        coalesce(g.last_change_days, 0) AS last_change_days
    FROM stream s
    JOIN warehouse.dim_organization o ON o.organization_id = s.organization_id AND o.label = ANY(%(labels)s::text[])
    CROSS JOIN LATERAL (
        SELECT sum(r.figure) AS figure
        FROM reading r
        JOIN watched w USING (organization_id, endpoint, bucket_start)
        WHERE r.organization_id = s.organization_id AND r.endpoint = s.endpoint AND r.is_newest
    ) f
    CROSS JOIN LATERAL (
        SELECT
            count(DISTINCT c.bucket_start) FILTER (WHERE c.age_hours > s.settling_hours) AS late_days,
            sum(c.moved) FILTER (WHERE c.age_hours > s.settling_hours) AS moved_late,
            -- The age by which 99 %% of all changes after the days' ends have arrived.
            ceil(max(c.age_hours) FILTER (WHERE coalesce(c.moved_later, 0) + c.moved > 0.01 * c.moved_in_all)) AS suggested_hours,
            ceil(max(c.age_hours) / 24) AS last_change_days
        FROM change c
        WHERE c.organization_id = s.organization_id AND c.endpoint = s.endpoint
    ) g
)

SELECT
    CASE
        WHEN x.moved_late > 0.001 * x.figure THEN format(
            '%%s/%%s: %%s of %%s days changed later than %%s hours after their end, so set METERHOUSE_%%s_SETTLING_HOURS to %%s%%s',
            x.label, x.endpoint, x.late_days, x.days, x.settling_hours, x.family, x.suggested_hours,
            -- Changes older than the lookback are never seen.
            CASE
                WHEN x.last_change_days >= x.lookback_days
                    THEN format(' and METERHOUSE_%%s_LOOKBACK_DAYS to %%s', x.family, x.last_change_days + 2)
                ELSE ''
            END
        )
        ELSE format(
            '%%s/%%s: %%s, and %%s hours are waited for (%%s days observed)', x.label, x.endpoint,
            CASE WHEN x.suggested_hours > 0 THEN format('settles within %%s hours', x.suggested_hours) ELSE 'final at the end of the day' END,
            x.settling_hours, x.days
        )
    END AS finding,
    x.moved_late > 0.001 * x.figure AS is_finding
FROM observed x
ORDER BY 2 DESC, x.endpoint NOT IN ('costs', 'costs_by_user'), 1
