-- The given month, or the newest loaded one, per organization and currency: what its settled days cost, and what the same days of the month before did.
-- An amount that the vendor left out makes a sum unknown, not smaller.
SELECT
    s.month_start,
    s.organization,
    s.currency,
    CASE WHEN bool_and(s.settled_cost IS NOT NULL) THEN sum(s.settled_cost) END AS settled_cost,
    CASE WHEN bool_and(s.compared_cost IS NOT NULL) THEN sum(s.compared_cost) END AS compared_cost,
    CASE WHEN bool_and(s.previous_compared_cost IS NOT NULL) THEN sum(s.previous_compared_cost) END AS previous_compared_cost,
    CASE WHEN bool_and(s.previous_month_cost IS NOT NULL) THEN sum(s.previous_month_cost) END AS previous_month_cost,
    max(s.settled_through_date) AS settled_through_date,
    max(s.days_in_month) AS days_in_month,
    max(s.settled_days) AS settled_days,
    max(s.compared_days) AS compared_days,
    max(s.previous_compared_days) AS previous_compared_days,
    -- Where no day of the month is missing up to the last settled one.
    CASE
        WHEN max(s.settled_days) = max(s.settled_through_date) - s.month_start + 1 THEN s.month_start + max(s.loaded_days)::integer - 1
    END AS loaded_through_date
FROM spend_month_to_date s
WHERE CASE WHEN %(month)s::date IS NULL THEN s.is_current_month ELSE s.month_start = %(month)s::date END
    AND s.currency IS NOT NULL
    AND (%(organizations)s::text [] IS NULL OR s.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(s.project_id, '') = ANY (%(projects)s::text []))
GROUP BY s.month_start, s.organization, s.currency
ORDER BY s.month_start DESC, s.organization, s.currency
