-- The settled days of costs from one day on, oldest first, with the state that each would be judged by, and whether it was judged by that one.
-- A text without a digest shows a change only in the revisions; a model is judged under the name that it is shown as.
SELECT
    d.usage_date,
    d.sources,
    j.sources IS NOT DISTINCT FROM d.sources AS is_judged
FROM (
    SELECT
        (c.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
        md5(concat_ws(
            ' ', %(rules)s::text, n.names, extract(epoch FROM c.changed_at), c.row_count, encode(c.content_digest, 'hex'),
            CASE WHEN c.content_digest IS NULL THEN (
                SELECT max(r.revision_id)
                FROM ops.revisions r
                WHERE r.organization_id = c.organization_id AND r.endpoint = c.endpoint AND r.bucket_width = c.bucket_width
                    AND r.bucket_start = c.bucket_start
            ) END
        )) AS sources
    FROM ops.coverage c
    CROSS JOIN (
        SELECT string_agg(DISTINCT concat_ws(' ', m.model, m.model_name), ',') AS names
        FROM warehouse.dim_cost_group g
        JOIN warehouse.dim_line_item l ON l.line_item = g.line_item
        JOIN warehouse.model_names m ON m.model = l.model
        WHERE g.organization_id = %(organization_id)s
    ) n
    WHERE c.organization_id = %(organization_id)s AND c.endpoint = 'costs' AND c.bucket_width = 1440 AND c.is_complete
        AND c.bucket_start >= (
            SELECT max(l.bucket_start) - make_interval(days => %(days)s)
            FROM ops.coverage l
            WHERE l.organization_id = %(organization_id)s AND l.endpoint = 'costs' AND l.bucket_width = 1440 AND l.is_complete
        )
) d
LEFT JOIN ops.judged_days j ON j.organization_id = %(organization_id)s AND j.usage_date = d.usage_date
ORDER BY 1
