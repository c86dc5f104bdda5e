-- Digest of which users have the wanted e-mail addresses, so that one whose address the directory learns later shows; empty without any.
SELECT CASE WHEN count(*) > 0 THEN md5(string_agg(concat_ws(' ', lower(u.user_email), u.user_id), ',' ORDER BY u.user_id COLLATE "C")) ELSE '' END
FROM warehouse.current_users u
WHERE u.organization_id = %(organization_id)s AND lower(u.user_email) = ANY(%(mails)s::text [])
