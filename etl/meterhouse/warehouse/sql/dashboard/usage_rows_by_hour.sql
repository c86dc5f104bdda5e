-- Requests and tokens of the chosen rows by hour, for charts over time where models, keys or users are chosen; totals are computed from days.
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
    count(*) FILTER (WHERE u.requests IS NULL) AS unknown_requests,
    count(*) FILTER (
        WHERE u.endpoint = ANY (%(input_endpoints)s::text []) AND u.input_tokens IS NULL
            OR u.endpoint = ANY (%(output_endpoints)s::text []) AND u.output_tokens IS NULL
    ) AS unknown_tokens,
    count(*) AS row_count
FROM usage_hourly u
WHERE u.usage_date BETWEEN %(hours_first)s::date AND %(last)s::date
    AND u.endpoint = ANY (%(endpoints)s::text [])
    AND (%(organizations)s::text [] IS NULL OR u.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(u.project_id, '') = ANY (%(projects)s::text []))
    AND (%(models)s::text [] IS NULL OR coalesce(u.model, '') = ANY (%(models)s::text []))
    AND (%(api_keys)s::text [] IS NULL OR coalesce(u.api_key_id, '') = ANY (%(api_keys)s::text []))
    AND (%(users)s::text [] IS NULL OR coalesce(u.user_id, '') = ANY (%(users)s::text []))
GROUP BY u.bucket_start_utc
