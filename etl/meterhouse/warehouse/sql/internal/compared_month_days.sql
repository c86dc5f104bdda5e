-- Every day of costs that counts for a calendar month, in that month or the one before, and whether it is compared: settled days whose
-- counterpart in the other month is settled too, or all days of two months that are settled to the last day.
WITH day AS (
    SELECT
        c.organization_id,
        (c.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
        date_trunc('month', c.bucket_start AT TIME ZONE 'UTC')::date AS month_start,
        c.is_complete AS is_settled
    FROM ops.coverage c
    WHERE c.endpoint = 'costs' AND c.bucket_width = 1440
)

SELECT
    m.organization_id,
    m.month_start,
    m.days_in_month,
    (m.month_start - (m.month_start - interval '1 month')::date) AS days_in_month_before,
    d.usage_date,
    d.is_settled,
    d.month_start = m.month_start AS is_of_month,
    (m.settled_days = m.days_in_month AND b.settled_days = b.days_in_month) IS TRUE OR (d.is_settled AND t.is_settled) IS TRUE AS is_compared
FROM warehouse.cost_months m
LEFT JOIN warehouse.cost_months b
    ON b.organization_id = m.organization_id AND b.month_start = (m.month_start - interval '1 month')::date
JOIN day d ON d.organization_id = m.organization_id AND d.month_start IN (m.month_start, (m.month_start - interval '1 month')::date)
LEFT JOIN day t
    ON t.organization_id = d.organization_id
    -- The same day of the other month; the 31st has none in a month of 30 days.
    AND t.month_start = CASE WHEN d.month_start = m.month_start THEN (m.month_start - interval '1 month')::date ELSE m.month_start END
    AND extract(day FROM t.usage_date) = extract(day FROM d.usage_date)
