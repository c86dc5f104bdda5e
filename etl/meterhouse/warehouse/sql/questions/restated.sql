-- What the vendor restated
-- Figures of complete days that a later answer changed or removed, by day of the figure. Growth of unfinished days is not included.
SELECT
    r.usage_date,
    r.endpoint,
    coalesce(r.project_name, r.project_id, '(none)')::varchar(255) AS project,
    r.metric,
    r.currency,
    count(*)::bigint AS restated_rows,
    sum(r.old_value)::numeric(28, 12) AS old_value,
    sum(r.new_value)::numeric(28, 12) AS new_value
FROM bi.revisions r
WHERE r.is_restatement AND place.days(r.usage_date) AND place.project(r.project_name, r.project_id)
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1 DESC, 2, 3, 4
