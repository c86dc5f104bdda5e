-- The one share of a piece whose key is named by the bill and was not seen in usage: the user who owns the key, where a user does.
INSERT INTO allocation_share (piece_id, user_id, api_key_id, weight, basis)
SELECT
    p.piece_id,
    CASE WHEN k.owner_kind = 'user' THEN k.owner_id END,
    p.api_key_id,
    1,
    CASE WHEN k.owner_kind = 'user' THEN 'key_owner' ELSE 'key' END
FROM allocation_piece p
LEFT JOIN warehouse.dim_api_key k ON k.organization_id = %(organization_id)s AND k.api_key_id = p.api_key_id AND k.valid_to IS NULL
WHERE NOT p.is_billed_by_user AND p.api_key_id IS NOT NULL
    AND coalesce(p.reason, '') <> ALL (ARRAY['not_settled', 'usage_not_settled'])
    AND NOT EXISTS (SELECT FROM allocation_share s WHERE s.piece_id = p.piece_id)
