-- Usage by API key, with its owner
-- Requests and tokens of each API key, and whose it is. The project is the one that the key belongs to.
SELECT
    coalesce(k.api_key_name, k.api_key_id, '(none)')::varchar(255) AS api_key,
    coalesce(k.owner_name, k.owner_id, '(unknown)')::varchar(255) AS owner,
    k.owner_kind,
    coalesce(k.api_key_project_name, k.api_key_project_id, '(none)')::varchar(255) AS project,
    sum(k.requests)::bigint AS requests,
    sum(k.input_tokens)::bigint AS input_tokens,
    sum(k.output_tokens)::bigint AS output_tokens
FROM bi.usage_by_api_key_daily k
WHERE place.days(k.usage_date) AND place.project(k.api_key_project_name, k.api_key_project_id)
GROUP BY 1, 2, 3, 4
ORDER BY 5 DESC NULLS LAST, 1
