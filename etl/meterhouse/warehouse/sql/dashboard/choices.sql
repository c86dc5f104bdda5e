-- What the filters offer: every organization, project, model, API key and user that the warehouse knows, under a name people recognise.
-- An empty value means rows without one.
SELECT 'organizations' AS dimension, o.organization AS value, o.organization AS label, NULL AS belongs_to FROM dim_organization o
UNION ALL
SELECT 'projects', coalesce(p.project_id, ''), max(p.project_name), NULL FROM dim_project p GROUP BY p.project_id
UNION ALL
SELECT 'models', CASE m.model_key WHEN '(none)' THEN '' ELSE m.model END, m.model, NULL FROM dim_model m
UNION ALL
SELECT 'api_keys', coalesce(k.api_key_id, ''), max(k.api_key_name), max(p.project_name)
FROM dim_api_key k
LEFT JOIN dim_project p ON p.project_id = k.api_key_project_id
GROUP BY k.api_key_id
UNION ALL
SELECT 'users', coalesce(u.user_id, ''), max(u.user_name), NULL FROM dim_user u GROUP BY u.user_id
ORDER BY 1, 3, 2
