-- Restated rows of the granted projects.
SELECT r.*
FROM ops.revisions r
WHERE CASE
    WHEN r.endpoint = 'costs' THEN EXISTS (SELECT FROM warehouse.team_dim_cost_group g WHERE g.group_id = r.group_id)
    WHEN r.endpoint = 'costs_by_user' THEN EXISTS (SELECT FROM warehouse.team_dim_cost_by_user_group g WHERE g.group_id = r.group_id)
    ELSE EXISTS (SELECT FROM warehouse.team_dim_group g WHERE g.group_id = r.group_id)
END
