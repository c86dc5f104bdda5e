-- Shares by the very figure that a line bills, of the same project, model and tier, and of the line's key where it names one. A tier or batch
-- that has lines of its own weighs only in those; without any, it weighs in the plain line at its list price: batch and flex half, priority double.
INSERT INTO allocation_share (piece_id, user_id, api_key_id, model, weight, quantity, basis)
WITH own_line AS MATERIALIZED (
    SELECT DISTINCT p.usage_date, coalesce(p.project_id, '') AS project_id, p.canonical_model, p.tier
    FROM allocation_piece p
    WHERE p.tier IS NOT NULL AND p.canonical_model IS NOT NULL
),

used AS MATERIALIZED (
    SELECT
        u.*,
        coalesce(u.project_id, '') AS project,
        CASE WHEN u.is_batch THEN 'batch' WHEN u.tier IN ('flex', 'priority') THEN u.tier END AS priced_as,
        o.tier IS NOT NULL AS has_own_line
    FROM allocation_usage u
    LEFT JOIN own_line o
        ON (o.usage_date, o.project_id, o.canonical_model) = (u.usage_date, coalesce(u.project_id, ''), u.canonical_model)
        AND o.tier = CASE WHEN u.is_batch THEN 'batch' ELSE u.tier END
),

wanted AS MATERIALIZED (
    SELECT p.*, coalesce(p.project_id, '') AS project
    FROM allocation_piece p
    WHERE NOT p.is_billed_by_user AND p.reason IS NULL
),

matched AS (
    SELECT p.piece_id, p.tier AS line_tier, p.usage_quantity, false AS is_tool, u.*
    FROM wanted p
    JOIN used u ON (u.usage_date, u.project, u.canonical_model, u.api_key_id) = (p.usage_date, p.project, p.canonical_model, p.api_key_id)
    WHERE p.usage_quantity <> 'calls'
    UNION ALL
    SELECT p.piece_id, p.tier, p.usage_quantity, false, u.*
    FROM wanted p
    JOIN used u ON (u.usage_date, u.project, u.canonical_model) = (p.usage_date, p.project, p.canonical_model)
    WHERE p.usage_quantity <> 'calls' AND p.api_key_id IS NULL
    UNION ALL
    SELECT p.piece_id, p.tier, p.usage_quantity, true, u.*
    FROM wanted p
    JOIN used u ON (u.usage_date, u.project, u.endpoint) = (p.usage_date, p.project, p.usage_endpoint)
    WHERE p.usage_quantity = 'calls' AND (p.api_key_id IS NULL OR p.api_key_id = u.api_key_id)
),

weighed AS (
    SELECT
        m.piece_id,
        m.user_id,
        m.api_key_id,
        CASE WHEN m.is_tool THEN m.model END AS model,
        CASE
            WHEN m.line_tier IS NOT NULL THEN
                CASE WHEN m.line_tier = CASE WHEN m.is_batch THEN 'batch' ELSE m.tier END THEN 2 ELSE 0 END
            WHEN m.has_own_line THEN 0
            WHEN m.priced_as IN ('batch', 'flex') THEN 1
            WHEN m.priced_as = 'priority' THEN 4
            ELSE 2
        END AS factor,
        CASE m.usage_quantity
            WHEN 'requests' THEN m.requests
            WHEN 'uncached_tokens' THEN m.uncached_tokens
            WHEN 'text_tokens' THEN m.text_tokens
            WHEN 'audio_tokens' THEN m.audio_tokens
            WHEN 'image_tokens' THEN m.image_tokens
            WHEN 'cached_tokens' THEN m.cached_tokens
            WHEN 'cached_text_tokens' THEN m.cached_text_tokens
            WHEN 'cached_audio_tokens' THEN m.cached_audio_tokens
            WHEN 'cached_image_tokens' THEN m.cached_image_tokens
            WHEN 'cache_write_tokens' THEN m.cache_write_tokens
            WHEN 'output_tokens' THEN m.output_tokens
            WHEN 'output_text_tokens' THEN m.output_text_tokens
            WHEN 'output_audio_tokens' THEN m.output_audio_tokens
            WHEN 'output_image_tokens' THEN m.output_image_tokens
            WHEN 'images' THEN m.images
            WHEN 'characters' THEN m.characters
            WHEN 'seconds' THEN m.seconds
            WHEN 'calls' THEN m.calls
        END AS quantity
    FROM matched m
)

SELECT w.piece_id, w.user_id, w.api_key_id, w.model, sum(w.quantity * w.factor), sum(w.quantity), 'line'
FROM weighed w
WHERE w.factor > 0 AND w.quantity > 0
GROUP BY 1, 2, 3, 4
