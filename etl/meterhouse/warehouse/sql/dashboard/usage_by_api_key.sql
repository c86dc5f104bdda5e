-- Requests and tokens of the chosen rows by API key, from the daily totals by API key: if only organizations, projects and API keys are chosen.
-- For each figure: the sum of the known values (null: none is known), and the number of rows where it is unknown. Batch usage is not kept.
SELECT
    'api key' AS grain,
    NULL::timestamp AS bucket,
    NULL AS model,
    NULL AS project_id,
    u.api_key_id,
    NULL AS user_id,
    sum(u.requests)::bigint AS requests,
    sum(u.input_tokens)::bigint AS input_tokens,
    sum(u.output_tokens)::bigint AS output_tokens,
    sum(u.input_cached_tokens)::bigint AS cached_tokens,
    sum(u.cacheable_input_tokens)::bigint AS cacheable_tokens,
    NULL::bigint AS batch_tokens,
    NULL::bigint AS batchable_tokens,
    coalesce(sum(u.rows_without_requests), 0)::bigint AS unknown_requests,
    coalesce(sum(u.rows_without_tokens), 0)::bigint AS unknown_tokens,
    coalesce(sum(u.row_count), 0)::bigint AS row_count
FROM usage_daily_by_api_key u
WHERE u.usage_date BETWEEN %(first)s::date AND %(last)s::date
    AND u.endpoint = ANY (%(endpoints)s::text [])
    AND (%(organizations)s::text [] IS NULL OR u.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(u.project_id, '') = ANY (%(projects)s::text []))
    AND (%(api_keys)s::text [] IS NULL OR coalesce(u.api_key_id, '') = ANY (%(api_keys)s::text []))
GROUP BY u.api_key_id
