-- Shares of pieces without any so far: by requests of the same project and model, and of the line's key where it names one.
INSERT INTO allocation_share (piece_id, user_id, api_key_id, weight, basis)
WITH wanted AS MATERIALIZED (
    SELECT p.*, coalesce(p.project_id, '') AS project
    FROM allocation_piece p
    WHERE NOT p.is_billed_by_user AND p.reason IS NULL AND p.usage_quantity <> 'calls'
        AND NOT EXISTS (SELECT FROM allocation_share s WHERE s.piece_id = p.piece_id)
)

SELECT p.piece_id, u.user_id, u.api_key_id, sum(u.requests), 'model'
FROM wanted p
JOIN allocation_usage u ON (u.usage_date, coalesce(u.project_id, ''), u.canonical_model) = (p.usage_date, p.project, p.canonical_model)
WHERE u.requests > 0 AND (p.api_key_id IS NULL OR p.api_key_id = u.api_key_id)
GROUP BY 1, 2, 3
