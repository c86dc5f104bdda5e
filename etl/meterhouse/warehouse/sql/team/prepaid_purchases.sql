-- Purchases of prepaid credits of organizations that were granted to the role as a whole.
SELECT t.*
FROM warehouse.prepaid_purchases t
WHERE EXISTS (SELECT FROM warehouse.team_scope s WHERE s.organization_id = t.organization_id AND s.project_id IS NULL)
