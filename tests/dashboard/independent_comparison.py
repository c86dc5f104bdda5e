"""Comparisons asked of `bi.costs_daily` and `bi.coverage` in another way than the product's: series of days, and date arithmetic."""

from __future__ import annotations

# Days on which every organization of the choice that has costs at all is settled.
_SETTLED = """
known AS (
    SELECT DISTINCT organization FROM bi.coverage
    WHERE endpoint = 'costs' AND (cardinality(%(organizations)s::text []) = 0 OR organization = ANY (%(organizations)s))
),
settled AS (
    SELECT g::date AS d
    FROM generate_series(DATE '2025-01-01', DATE '2026-12-31', interval '1 day') g
    WHERE EXISTS (SELECT FROM known) AND NOT EXISTS (
        SELECT FROM known k
        WHERE NOT EXISTS (
            SELECT FROM bi.coverage v
            WHERE v.endpoint = 'costs' AND v.organization = k.organization AND v.usage_date = g::date
                AND v.finality IN ('settled', 'invoiced')
        )
    )
),
chosen AS (
    SELECT c.usage_date, c.project_id, coalesce(c.currency, '') AS currency, c.cost
    FROM bi.costs_daily c
    WHERE (cardinality(%(organizations)s::text []) = 0 OR c.organization = ANY (%(organizations)s))
        AND (cardinality(%(projects)s::text []) = 0 OR coalesce(c.project_id, '') = ANY (%(projects)s))
        AND (cardinality(%(api_keys)s::text []) = 0 OR c.api_key_id = ANY (%(api_keys)s))
)
"""

# (currency, cost, cost before) of the compared days of a span, null where a part of it is unknown; first the numbers of days of both sides.
SPAN = f"""
WITH {_SETTLED},
span AS (
    SELECT a, z, z - a + 1 AS length,
        a = date_trunc('month', a)::date AS begins_month,
        (z + 1) = date_trunc('month', z + 1)::date AS ends_month,
        make_interval(
            months => (12 * (extract(year FROM z) - extract(year FROM a)) + extract(month FROM z) - extract(month FROM a) + 1)::int
        ) AS months
    FROM (SELECT %(first)s::date AS a, %(last)s::date AS z) s
),
day AS (SELECT (s.a + n)::date AS d, s.* FROM span s CROSS JOIN LATERAL generate_series(0, s.length - 1) n),
whole AS (
    SELECT s.begins_month AND s.ends_month AND count(t.d) = s.z - (s.a - s.months)::date + 1 AS is_whole
    FROM span s LEFT JOIN settled t ON t.d BETWEEN (s.a - s.months)::date AND s.z
    GROUP BY s.a, s.z, s.months, s.begins_month, s.ends_month
),
pair AS (
    SELECT d.d AS now_day, CASE WHEN d.begins_month THEN (d.d - d.months)::date ELSE d.d - d.length END AS before_day
    FROM day d CROSS JOIN whole w
    WHERE NOT w.is_whole AND (NOT d.begins_month OR extract(day FROM d.d - d.months) = extract(day FROM d.d))
),
side AS (
    SELECT 'now' AS which, p.now_day AS d FROM pair p WHERE p.now_day IN (TABLE settled) AND p.before_day IN (TABLE settled)
    UNION ALL
    SELECT 'before', p.before_day FROM pair p WHERE p.now_day IN (TABLE settled) AND p.before_day IN (TABLE settled)
    UNION ALL
    SELECT CASE WHEN g::date >= s.a THEN 'now' ELSE 'before' END, g::date
    FROM span s CROSS JOIN whole w CROSS JOIN LATERAL generate_series(s.a - s.months, s.z, interval '1 day') g
    WHERE w.is_whole
),
amount AS (
    SELECT c.currency, s.which, sum(c.cost) AS cost, count(*) > count(c.cost) AS is_unknown
    FROM side s JOIN chosen c ON c.usage_date = s.d
    GROUP BY 1, 2
)
SELECT NULL AS currency, count(*) FILTER (WHERE which = 'now')::numeric, count(*) FILTER (WHERE which = 'before')::numeric
FROM side
UNION ALL
SELECT currency,
    CASE WHEN bool_or(is_unknown AND which = 'now') THEN NULL ELSE coalesce(sum(cost) FILTER (WHERE which = 'now'), 0) END,
    CASE WHEN bool_or(is_unknown AND which = 'before') THEN NULL ELSE coalesce(sum(cost) FILTER (WHERE which = 'before'), 0) END
FROM amount GROUP BY currency
"""

# (day, project, cost, cost before) of the last settled day, none unless the day before is settled as well.
_LOADED = """
loaded AS (
    SELECT organization, usage_date AS d, finality IN ('settled', 'invoiced') AS is_settled
    FROM bi.coverage WHERE endpoint = 'costs' AND finality IS NOT NULL
)
"""

# (month, organization, project, currency) and what the month and the one before it cost on the days compared, with their numbers.
MONTHS = f"""
WITH {_LOADED},
month AS (SELECT DISTINCT organization, date_trunc('month', d)::date AS m FROM loaded),
month_pair AS (
    SELECT m.organization, m.m, g::date AS d, g::date >= m.m AS is_now, coalesce(l.is_settled, false) AS is_settled,
        l.d IS NOT NULL AS is_loaded
    FROM month m
    CROSS JOIN LATERAL generate_series(m.m - interval '1 month', m.m + interval '1 month' - interval '1 day', interval '1 day') g
    LEFT JOIN loaded l ON l.organization = m.organization AND l.d = g::date
),
flags AS (
    SELECT organization, m, bool_and(is_settled) AS is_whole, bool_and(is_loaded) FILTER (WHERE NOT is_now) AS before_is_loaded
    FROM month_pair GROUP BY 1, 2
),
used AS (
    SELECT b.organization, b.m, b.d, b.is_now, f.is_whole OR (b.is_settled AND coalesce(o.is_settled, false)) AS is_used
    FROM month_pair b
    JOIN flags f ON f.organization = b.organization AND f.m = b.m
    LEFT JOIN month_pair o
        ON o.organization = b.organization AND o.m = b.m AND o.is_now <> b.is_now AND extract(day FROM o.d) = extract(day FROM b.d)
),
days AS (
    SELECT organization, m, count(*) FILTER (WHERE is_used AND is_now) AS days,
        count(*) FILTER (WHERE is_used AND NOT is_now) AS days_before
    FROM used GROUP BY 1, 2
)
SELECT u.m, u.organization, coalesce(c.project_id, ''), c.currency,
    CASE
        WHEN n.days = 0 OR bool_or(c.cost IS NULL AND u.is_used AND u.is_now) THEN NULL
        WHEN bool_or(u.is_used AND u.is_now) THEN sum(c.cost) FILTER (WHERE u.is_used AND u.is_now)
        ELSE 0
    END,
    CASE
        WHEN n.days = 0 OR bool_or(c.cost IS NULL AND u.is_used AND NOT u.is_now) THEN NULL
        WHEN bool_or(u.is_used AND NOT u.is_now) THEN sum(c.cost) FILTER (WHERE u.is_used AND NOT u.is_now)
        ELSE 0
    END,
    n.days, n.days_before,
    CASE
        WHEN NOT f.before_is_loaded OR bool_or(c.cost IS NULL AND NOT u.is_now) THEN NULL
        WHEN bool_or(NOT u.is_now) THEN sum(c.cost) FILTER (WHERE NOT u.is_now)
        ELSE 0
    END,
    bool_or(u.is_now)
FROM used u
JOIN bi.costs_daily c ON c.organization = u.organization AND c.usage_date = u.d
JOIN days n ON n.organization = u.organization AND n.m = u.m
JOIN flags f ON f.organization = u.organization AND f.m = u.m
GROUP BY u.m, u.organization, c.project_id, c.currency, n.days, n.days_before, f.before_is_loaded
"""

# (day, organization, line item, currency) with its cost, that of the day before (null: not loaded), and whether both days are settled.
LINE_ITEMS = f"""
WITH {_LOADED},
item AS (SELECT usage_date, organization, line_item, currency, sum(cost) AS cost FROM bi.costs_daily GROUP BY 1, 2, 3, 4)
SELECT i.usage_date, i.organization, i.line_item, i.currency, i.cost,
    CASE WHEN y.d IS NULL THEN NULL WHEN b.usage_date IS NULL THEN 0 ELSE b.cost END,
    coalesce(t.is_settled AND y.is_settled, false)
FROM item i
LEFT JOIN loaded t ON t.organization = i.organization AND t.d = i.usage_date
LEFT JOIN loaded y ON y.organization = i.organization AND y.d + 1 = i.usage_date
LEFT JOIN item b
    ON b.organization = i.organization AND b.line_item = i.line_item AND b.currency = i.currency AND b.usage_date + 1 = i.usage_date
"""
