-- Days of some organizations whose costs are not allocated from what is stored now, oldest first. While a day's costs are not settled its usage says nothing yet about
-- whose they are; those of a closed month stay whose they were when it was closed, but for lines that waited for usage, which are all that
-- is to be allocated where only_waiting. The sources of such a day have a second word, for its usage; it stays only while a line waits. A text
-- without a digest shows a change only in the revisions; the owner of a key may be listed only after its costs came.
WITH source AS (
    SELECT
        c.organization_id,
        (c.bucket_start AT TIME ZONE 'UTC')::date AS usage_date,
        c.endpoint,
        c.is_complete,
        c.finality = 'invoiced' AS is_closed,
        concat_ws(
            ' ', c.endpoint, extract(epoch FROM c.changed_at), c.is_complete, c.row_count, encode(c.content_digest, 'hex'),
            CASE WHEN c.content_digest IS NULL THEN (
                SELECT max(r.revision_id)
                FROM ops.revisions r
                WHERE r.organization_id = c.organization_id AND r.endpoint = c.endpoint AND r.bucket_width = c.bucket_width
                    AND r.bucket_start = c.bucket_start
            ) END
        ) AS state
    FROM ops.coverage c
    WHERE c.organization_id = ANY (%(organizations)s::integer []) AND c.bucket_width = 1440
),

day AS (
    SELECT
        s.organization_id,
        s.usage_date,
        bool_or(s.is_closed) AS is_closed,
        md5(concat(CASE WHEN NOT bool_or(s.is_closed) THEN %(rules)s::text END, CASE
            WHEN bool_or(s.is_closed) THEN string_agg(s.state, ',') FILTER (WHERE s.endpoint = 'costs')
            WHEN bool_or(s.is_complete) FILTER (WHERE s.endpoint = 'costs') THEN string_agg(s.state, ',' ORDER BY s.endpoint)
            ELSE string_agg(s.state, ',' ORDER BY s.endpoint) FILTER (WHERE s.endpoint = 'costs')
        END)) AS sources,
        CASE
            WHEN bool_or(s.is_closed) THEN
                md5(coalesce(string_agg(s.state, ',' ORDER BY s.endpoint) FILTER (WHERE s.endpoint NOT IN ('costs', 'costs_by_user')), ''))
        END AS usage_sources
    FROM source s
    GROUP BY 1, 2
    HAVING bool_or(s.endpoint = 'costs')
),

known AS (
    SELECT
        d.*,
        split_part(a.sources, ' ', 1) IS NOT DISTINCT FROM d.sources AS is_allocated,
        split_part(a.sources, ' ', 2) AS usage_waited_for
    FROM day d
    LEFT JOIN ops.allocated_days a ON a.organization_id = d.organization_id AND a.usage_date = d.usage_date
)

SELECT
    d.organization_id,
    d.usage_date,
    concat_ws(' ', d.sources, d.usage_sources) AS sources,
    d.is_closed AND d.is_allocated AS only_waiting
FROM known d
WHERE NOT d.is_allocated
    OR d.is_closed AND d.usage_waited_for NOT IN ('-', d.usage_sources)
    OR NOT d.is_closed AND (d.organization_id, d.usage_date) IN (
        SELECT p.organization_id, p.usage_date
        FROM warehouse.cost_allocation p
        JOIN warehouse.dim_api_key k ON k.organization_id = p.organization_id AND k.api_key_id = p.api_key_id
        WHERE p.organization_id = ANY (%(organizations)s::integer []) AND p.basis = 'key' AND k.valid_to IS NULL AND k.owner_kind = 'user'
    )
ORDER BY 1, 2
