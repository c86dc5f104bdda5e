-- Which of some days have a line that waits for usage.
SELECT DISTINCT a.usage_date
FROM warehouse.cost_allocation a
WHERE a.organization_id = %(organization_id)s AND a.usage_date = ANY (%(days)s::date []) AND a.reason = ANY (%(waiting)s::text [])
