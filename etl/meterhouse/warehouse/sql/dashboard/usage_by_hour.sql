-- Requests and tokens by hour, from the hourly totals by project, for charts over time: for a choice without models, keys and users.
-- For each figure: the sum of the known values (null: none is known), and the number of rows where it is unknown.
SELECT
    'bucket' AS grain,
    u.bucket_start_utc AS bucket,
    NULL AS model,
    NULL AS project_id,
    NULL AS api_key_id,
    NULL AS user_id,
    sum(u.requests)::bigint AS requests,
    sum(u.input_tokens)::bigint AS input_tokens,
    sum(u.output_tokens)::bigint AS output_tokens,
    NULL::bigint AS cached_tokens,
    NULL::bigint AS cacheable_tokens,
    NULL::bigint AS batch_tokens,
    NULL::bigint AS batchable_tokens,
    sum(u.rows_without_requests)::bigint AS unknown_requests,
    sum(u.rows_without_tokens)::bigint AS unknown_tokens,
    sum(u.row_count)::bigint AS row_count
FROM usage_hourly_by_project u
WHERE u.usage_date BETWEEN %(hours_first)s::date AND %(last)s::date
    AND u.endpoint = ANY (%(endpoints)s::text [])
    AND (%(organizations)s::text [] IS NULL OR u.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(u.project_id, '') = ANY (%(projects)s::text []))
GROUP BY u.bucket_start_utc
