-- Line items that were billed to the granted projects.
SELECT l.*
FROM warehouse.dim_line_item l
WHERE EXISTS (SELECT FROM warehouse.team_dim_cost_group g WHERE g.line_item = l.line_item)
