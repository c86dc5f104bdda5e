-- Shares of pieces without any so far: by all requests of the same project, and of the line's key where it names one. Never of another project.
INSERT INTO allocation_share (piece_id, user_id, api_key_id, weight, basis)
WITH wanted AS MATERIALIZED (
    SELECT p.*, coalesce(p.project_id, '') AS project
    FROM allocation_piece p
    WHERE NOT p.is_billed_by_user AND p.reason IS NULL
        AND NOT EXISTS (SELECT FROM allocation_share s WHERE s.piece_id = p.piece_id)
)

SELECT p.piece_id, u.user_id, u.api_key_id, sum(u.requests), 'project'
FROM wanted p
JOIN allocation_usage u ON (u.usage_date, coalesce(u.project_id, '')) = (p.usage_date, p.project)
WHERE u.requests > 0 AND (p.api_key_id IS NULL OR p.api_key_id = u.api_key_id)
GROUP BY 1, 2, 3
