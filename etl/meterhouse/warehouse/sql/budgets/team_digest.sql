-- Digest of which owner of costs belongs to which team when, so that a new list of teams or a new name of a key shows.
SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), ''))
FROM warehouse.owner_teams t
WHERE t.organization_id = %(organization_id)s
