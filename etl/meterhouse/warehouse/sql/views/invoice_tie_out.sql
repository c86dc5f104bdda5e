-- One row per organization, calendar month and currency with costs, an invoice or a correction: what was billed by day, what the invoices say, and
-- the difference, broken down by reason: billed and the eight amounts from tax to unexplained add up to invoiced, to the last digit. Refreshed by
-- every load of costs and by meterhouse import invoice. Amounts can be added up within one currency; tolerance and days cannot.
WITH line AS (
    SELECT
        l.invoice_key,
        count(*) AS line_count,
        count(*) FILTER (WHERE l.kind = 'usage') AS usage_lines,
        sum(l.amount::numeric(28, 12)) AS total,
        sum(l.amount::numeric(28, 12)) FILTER (WHERE l.kind = 'usage') AS usage,
        sum(l.amount::numeric(28, 12)) FILTER (WHERE l.kind = 'tax') AS tax,
        sum(l.amount::numeric(28, 12)) FILTER (WHERE l.kind = 'credit') AS credit,
        sum(l.amount::numeric(28, 12)) FILTER (WHERE l.kind = 'bundle') AS bundle,
        sum(l.amount::numeric(28, 12)) FILTER (WHERE l.kind = 'adjustment') AS adjustment
    FROM warehouse.invoice_lines l
    GROUP BY l.invoice_key
),

invoice AS (
    SELECT
        i.organization_id,
        i.month_start,
        i.currency,
        count(*) AS invoice_count,
        sum(l.line_count) AS line_count,
        sum(l.usage_lines) AS usage_lines,
        sum(l.total) AS invoiced,
        coalesce(sum(l.usage), 0) AS usage,
        coalesce(sum(l.tax), 0) AS tax,
        coalesce(sum(l.credit), 0) AS credit,
        coalesce(sum(l.bundle), 0) AS bundle,
        coalesce(sum(l.adjustment), 0) AS adjustment,
        max(i.issued_on) AS issued_on,
        greatest(max(i.tolerance_amount), max(i.tolerance_share) * abs(coalesce(sum(l.usage), 0))) AS tolerance
    FROM warehouse.invoices i
    JOIN line l ON l.invoice_key = i.invoice_key
    GROUP BY i.organization_id, i.month_start, i.currency
),

-- The days that usage was invoiced for, each with the day on which that was last done.
invoiced_day AS (
    SELECT
        i.organization_id,
        i.month_start,
        i.currency,
        d.usage_day::date AS usage_date,
        max(i.issued_on) AS issued_on
    FROM warehouse.invoices i
    JOIN line l ON l.invoice_key = i.invoice_key AND l.usage_lines > 0
    CROSS JOIN LATERAL generate_series(i.period_start::timestamp, i.period_end::timestamp, interval '1 day') AS d (usage_day)
    GROUP BY i.organization_id, i.month_start, i.currency, d.usage_day
),

-- A sum of amounts of which none is known is null.
daily AS (
    SELECT
        r.organization_id,
        r.usage_date,
        r.currency,
        sum(r.cost) AS cost,
        sum(r.rows_without_cost) AS rows_without_cost
    FROM warehouse.rollup_costs_by_project r
    GROUP BY r.organization_id, r.usage_date, r.currency
),

billed AS (
    SELECT
        d.organization_id,
        date_trunc('month', d.usage_date::timestamp)::date AS month_start,
        d.currency,
        sum(d.cost) AS cost,
        sum(d.rows_without_cost) AS rows_without_cost
    FROM daily d
    GROUP BY 1, 2, 3
),

covered AS (
    SELECT
        (c.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
        c.organization_id,
        c.is_complete,
        c.finality = 'invoiced' AS is_closed,
        c.changed_at
    FROM ops.coverage c
    WHERE c.endpoint = 'costs' AND c.bucket_width = 1440
),

month AS (
    SELECT
        c.organization_id,
        date_trunc('month', c.usage_date::timestamp)::date AS month_start,
        count(*) AS loaded_days,
        count(*) FILTER (WHERE c.is_complete) AS settled_days,
        count(*) FILTER (WHERE c.is_closed) AS closed_days,
        max(c.changed_at) FILTER (WHERE c.is_closed) AS closed_at
    FROM covered c
    GROUP BY 1, 2
),

-- What the days of the invoices cost, whatever month they are in, and which of them are known for good.
period AS (
    SELECT
        i.organization_id,
        i.month_start,
        i.currency,
        CASE WHEN count(d.cost) > 0 OR count(d.rows_without_cost) = 0 THEN coalesce(sum(d.cost), 0) END AS cost,
        coalesce(
            sum(d.rows_without_cost) FILTER (WHERE i.usage_date < i.month_start OR i.usage_date >= i.month_start + interval '1 month'), 0
        ) AS rows_without_cost_elsewhere,
        count(*) FILTER (WHERE i.usage_date >= i.month_start AND i.usage_date < i.month_start + interval '1 month') AS days_of_month,
        count(*) FILTER (WHERE c.is_complete IS NOT TRUE) AS unsettled_days
    FROM invoiced_day i
    LEFT JOIN daily d ON d.organization_id = i.organization_id AND d.usage_date = i.usage_date AND d.currency = i.currency
    LEFT JOIN covered c ON c.organization_id = i.organization_id AND c.usage_date = i.usage_date
    GROUP BY i.organization_id, i.month_start, i.currency
),

-- Only changes of days that had counted as settled, made after the day on which the invoice was issued.
restated AS (
    SELECT
        i.organization_id,
        i.month_start,
        i.currency,
        sum(
            coalesce((r.new_values ->> 'amount')::numeric(28, 12), 0) - coalesce((r.old_values ->> 'amount')::numeric(28, 12), 0)
        ) AS amount
    FROM ops.revisions r
    JOIN warehouse.dim_cost_group g ON g.group_id = r.group_id
    JOIN invoiced_day i
        ON i.organization_id = r.organization_id AND i.currency = g.currency
        AND i.usage_date = (r.bucket_start AT TIME ZONE 'UTC')::date
        AND (r.recorded_at AT TIME ZONE 'UTC')::date > i.issued_on
    WHERE r.endpoint = 'costs' AND r.bucket_width = 1440 AND r.was_complete
    GROUP BY i.organization_id, i.month_start, i.currency
),

correction AS (
    SELECT
        x.organization_id,
        date_trunc('month', x.seen_at AT TIME ZONE 'UTC')::date AS month_start,
        x.currency,
        sum(x.amount::numeric(28, 12)) AS amount
    FROM warehouse.cost_corrections x
    GROUP BY 1, 2, 3
),

place AS (
    SELECT b.organization_id, b.month_start, b.currency FROM billed b
    UNION
    SELECT i.organization_id, i.month_start, i.currency FROM invoice i
    UNION
    SELECT x.organization_id, x.month_start, x.currency FROM correction x
),

-- What was billed: nothing, if days are loaded and none has a row of the currency; not known, if no amount is, or no day is loaded.
amount AS (
    SELECT
        p.*,
        CASE WHEN b.rows_without_cost IS NOT NULL THEN b.cost WHEN m.loaded_days > 0 THEN 0 END AS billed,
        coalesce(b.rows_without_cost, 0) AS rows_without_cost
    FROM place p
    LEFT JOIN billed b
        ON b.organization_id = p.organization_id AND b.month_start = p.month_start AND b.currency IS NOT DISTINCT FROM p.currency
    LEFT JOIN month m ON m.organization_id = p.organization_id AND m.month_start = p.month_start
),

known AS (
    SELECT
        p.organization_id,
        p.month_start,
        p.currency,
        (p.month_start + interval '1 month')::date - p.month_start AS days_in_month,
        coalesce(m.settled_days, 0) AS settled_days,
        p.billed,
        p.rows_without_cost + coalesce(t.rows_without_cost_elsewhere, 0) AS rows_without_cost,
        i.invoiced,
        i.tax,
        i.credit,
        i.bundle,
        i.adjustment,
        CASE WHEN i.invoice_count > 0 THEN coalesce(-r.amount, 0) END AS restatement,
        CASE
            WHEN i.invoice_count > 0 AND t.currency IS NULL THEN 0 * p.billed
            WHEN i.invoice_count > 0 THEN t.cost - p.billed
        END AS period_shift,
        i.tolerance,
        greatest(0.01, 0.005 * i.usage_lines) AS rounding_limit,
        coalesce(i.invoice_count, 0) AS invoice_count,
        coalesce(t.days_of_month, 0) AS invoiced_days,
        coalesce(t.unsettled_days, 0) AS unsettled_days,
        coalesce(m.closed_days, 0) AS closed_days,
        m.closed_at,
        i.issued_on,
        coalesce(x.amount, 0) AS corrections
    FROM amount p
    LEFT JOIN invoice i ON i.organization_id = p.organization_id AND i.month_start = p.month_start AND i.currency = p.currency
    LEFT JOIN period t ON t.organization_id = p.organization_id AND t.month_start = p.month_start AND t.currency = p.currency
    LEFT JOIN restated r ON r.organization_id = p.organization_id AND r.month_start = p.month_start AND r.currency = p.currency
    LEFT JOIN correction x
        ON x.organization_id = p.organization_id AND x.month_start = p.month_start AND x.currency IS NOT DISTINCT FROM p.currency
    LEFT JOIN month m ON m.organization_id = p.organization_id AND m.month_start = p.month_start
),

left_over AS (
    SELECT
        k.*,
        k.invoiced - k.billed - k.tax - k.credit - k.bundle - k.adjustment - k.restatement - k.period_shift AS amount
    FROM known k
),

judged AS (
    SELECT
        l.*,
        -- The whole rest or nothing of it: a part of a larger difference is no rounding.
        CASE WHEN abs(l.amount) <= l.rounding_limit THEN l.amount ELSE 0 * l.amount END AS rounding,
        CASE WHEN abs(l.amount) <= l.rounding_limit THEN 0 * l.amount ELSE l.amount END AS unexplained
    FROM left_over l
),

stated AS (
    SELECT
        j.*,
        CASE
            WHEN j.invoice_count = 0 AND j.rows_without_cost = 0 THEN 'no_invoice'
            WHEN j.settled_days < j.days_in_month OR j.unsettled_days > 0 OR j.rows_without_cost > 0 THEN 'open'
            WHEN abs(j.unexplained) > j.tolerance THEN 'mismatch'
            WHEN j.rounding <> 0 THEN 'tied_with_rounding'
            ELSE 'tied'
        END AS state
    FROM judged j
)

SELECT
    s.month_start,
    o.label::varchar(64) AS organization,
    {currency:s.currency},
    s.billed::numeric(28, 12) AS billed,
    s.invoiced::numeric(28, 12) AS invoiced,
    s.tax::numeric(28, 12) AS tax,
    s.credit::numeric(28, 12) AS credit,
    s.bundle::numeric(28, 12) AS bundle,
    s.adjustment::numeric(28, 12) AS adjustment,
    s.restatement::numeric(28, 12) AS restatement,
    s.period_shift::numeric(28, 12) AS period_shift,
    s.rounding::numeric(28, 12) AS rounding,
    s.unexplained::numeric(28, 12) AS unexplained,
    s.tolerance::numeric(28, 12) AS tolerance,
    s.state::varchar(32) AS state,
    CASE
        WHEN s.state = 'no_invoice' THEN 'no invoice of this month and currency was imported'
        WHEN s.rows_without_cost > 0 THEN 'the vendor left out the amount of ' || s.rows_without_cost
            || CASE WHEN s.rows_without_cost = 1 THEN ' row' ELSE ' rows' END
        WHEN s.billed IS NULL THEN 'no day of the month is loaded'
        WHEN s.settled_days < s.days_in_month THEN s.settled_days || ' of ' || s.days_in_month || ' days are settled'
        WHEN s.state = 'open' THEN s.unsettled_days || ' invoiced days of another month are not settled'
        WHEN s.state = 'mismatch' THEN 'the invoice is ' || abs(s.unexplained)::numeric(28, 2)
            || CASE WHEN s.unexplained > 0 THEN ' higher' ELSE ' lower' END || ' than what explains it'
        WHEN s.invoiced_days < s.days_in_month THEN s.invoiced_days || ' of ' || s.days_in_month || ' days are invoiced, so the month is not closed'
    END::varchar(255) AS state_reason,
    s.settled_days = s.days_in_month AS is_complete,
    s.closed_days = s.days_in_month AS is_closed,
    CASE WHEN s.closed_days = s.days_in_month THEN (s.closed_at AT TIME ZONE 'UTC') END AS closed_at_utc,
    s.corrections::numeric(28, 12) AS corrections,
    s.days_in_month::bigint AS days_in_month,
    s.settled_days::bigint AS settled_days,
    s.invoiced_days::bigint AS invoiced_days,
    s.invoice_count::bigint AS invoice_count,
    s.issued_on AS issued_date
FROM stated s
JOIN warehouse.dim_organization o ON o.organization_id = s.organization_id
