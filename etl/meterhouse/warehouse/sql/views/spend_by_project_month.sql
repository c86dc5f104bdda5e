-- One row per organization, calendar month, project and currency: spend, spend in the previous month, and the share of the month. A project
-- without spend in a month has no row for it. Until a month is settled, compare compared_cost with previous_compared_cost, which cover the
-- same days; previous_month_cost covers the whole month. Refreshed by every load of costs. cost can be added up within one currency; shares cannot.
WITH shared AS (
    SELECT m.*, sum(m.month_cost) OVER (PARTITION BY m.organization, m.month_start, m.currency) AS all_projects_cost
    FROM bi.spend_month_to_date m
    WHERE m.has_spend
)

SELECT
    s.month_start,
    s.organization,
    s.project_id,
    s.project_name,
    s.currency,
    s.month_cost AS cost,
    s.previous_month_cost,
    CASE
        WHEN s.all_projects_cost > 0 AND abs(s.month_cost) < 1000 * s.all_projects_cost THEN s.month_cost / s.all_projects_cost
    END::numeric(12, 6) AS share_of_month,
    s.is_complete,
    s.days_in_month,
    s.loaded_days,
    s.settled_days,
    s.compared_cost,
    s.previous_compared_cost,
    s.compared_days,
    s.previous_compared_days
FROM shared s
