-- Requests and tokens of the chosen rows by day, by model and project, and in all, from the daily totals by model: for a choice without keys and users.
-- For each figure: the sum of the known values (null: none is known), and the number of rows where it is unknown.
SELECT
    CASE grouping(u.usage_date, u.model, u.project_id)
        WHEN b'011'::integer THEN 'bucket'
        WHEN b'100'::integer THEN 'model and project'
        ELSE 'total'
    END AS grain,
    u.usage_date::timestamp AS bucket,
    u.model,
    u.project_id,
    NULL AS api_key_id,
    NULL AS user_id,
    sum(u.requests)::bigint AS requests,
    sum(u.input_tokens)::bigint AS input_tokens,
    sum(u.output_tokens)::bigint AS output_tokens,
    sum(u.input_cached_tokens)::bigint AS cached_tokens,
    sum(u.cacheable_input_tokens)::bigint AS cacheable_tokens,
    coalesce(sum(coalesce(u.input_tokens, 0) + coalesce(u.output_tokens, 0)) FILTER (WHERE u.is_batch), 0)::bigint AS batch_tokens,
    (sum(coalesce(u.input_tokens, 0) + coalesce(u.output_tokens, 0)) FILTER (WHERE u.is_batch IS NOT NULL))::bigint AS batchable_tokens,
    coalesce(sum(u.rows_without_requests), 0)::bigint AS unknown_requests,
    coalesce(sum(u.rows_without_tokens), 0)::bigint AS unknown_tokens,
    coalesce(sum(u.row_count), 0)::bigint AS row_count
FROM usage_daily_by_model u
WHERE u.usage_date BETWEEN %(first)s::date AND %(last)s::date
    AND u.endpoint = ANY (%(endpoints)s::text [])
    AND (%(organizations)s::text [] IS NULL OR u.organization = ANY (%(organizations)s::text []))
    AND (%(projects)s::text [] IS NULL OR coalesce(u.project_id, '') = ANY (%(projects)s::text []))
    AND (%(models)s::text [] IS NULL OR coalesce(u.model, '') = ANY (%(models)s::text []))
GROUP BY GROUPING SETS ((u.usage_date), (u.model, u.project_id), ())
