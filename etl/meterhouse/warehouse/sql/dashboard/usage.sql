-- Requests and tokens of the chosen rows, read once and added up by bucket, by model and project, by API key, by user, and in all.
-- For each figure: the sum of the known values (null: none is known), and the number of rows where it is unknown.
-- Only of endpoints whose requests no other endpoint repeats; storage, sessions and tool calls have neither requests nor tokens.
WITH chosen AS (
    SELECT
        place.bucket() AS bucket,
        u.model,
        u.project_id,
        u.api_key_id,
        u.user_id,
        u.is_batch,
        u.requests,
        u.input_tokens,
        u.input_cached_tokens,
        u.output_tokens,
        u.endpoint = ANY (%(input_endpoints)s::text []) AS has_input,
        u.endpoint = ANY (%(output_endpoints)s::text []) AS has_output
    FROM place.usage_rows() u
    WHERE u.usage_date BETWEEN %(first)s::date AND %(last)s::date
        AND u.endpoint = ANY (%(endpoints)s::text [])
        AND (%(organizations)s::text [] IS NULL OR u.organization = ANY (%(organizations)s::text []))
        AND (%(projects)s::text [] IS NULL OR coalesce(u.project_id, '') = ANY (%(projects)s::text []))
        AND (%(models)s::text [] IS NULL OR coalesce(u.model, '') = ANY (%(models)s::text []))
        AND (%(api_keys)s::text [] IS NULL OR coalesce(u.api_key_id, '') = ANY (%(api_keys)s::text []))
        AND (%(users)s::text [] IS NULL OR coalesce(u.user_id, '') = ANY (%(users)s::text []))
)

SELECT
    CASE grouping(c.bucket, c.model, c.project_id, c.api_key_id, c.user_id)
        WHEN b'01111'::integer THEN 'bucket'
        WHEN b'10011'::integer THEN 'model and project'
        WHEN b'11101'::integer THEN 'api key'
        WHEN b'11110'::integer THEN 'user'
        ELSE 'total'
    END AS grain,
    c.bucket,
    c.model,
    c.project_id,
    c.api_key_id,
    c.user_id,
    sum(c.requests)::bigint AS requests,
    sum(c.input_tokens)::bigint AS input_tokens,
    sum(c.output_tokens)::bigint AS output_tokens,
    sum(c.input_cached_tokens)::bigint AS cached_tokens,
    (sum(c.input_tokens) FILTER (WHERE c.input_cached_tokens IS NOT NULL))::bigint AS cacheable_tokens,
    coalesce(sum(coalesce(c.input_tokens, 0) + coalesce(c.output_tokens, 0)) FILTER (WHERE c.is_batch), 0)::bigint AS batch_tokens,
    (sum(coalesce(c.input_tokens, 0) + coalesce(c.output_tokens, 0)) FILTER (WHERE c.is_batch IS NOT NULL))::bigint AS batchable_tokens,
    count(*) FILTER (WHERE c.requests IS NULL) AS unknown_requests,
    count(*) FILTER (WHERE c.has_input AND c.input_tokens IS NULL OR c.has_output AND c.output_tokens IS NULL) AS unknown_tokens,
    count(*) AS row_count
FROM chosen c
GROUP BY GROUPING SETS ((c.bucket), (c.model, c.project_id), (c.api_key_id), (c.user_id), ())
