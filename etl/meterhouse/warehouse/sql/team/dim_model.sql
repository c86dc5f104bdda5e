-- Models that the granted projects used or were billed for.
SELECT m.*
FROM warehouse.dim_model m
WHERE EXISTS (SELECT FROM warehouse.team_dim_group g WHERE g.model = m.model)
OR EXISTS (SELECT FROM warehouse.team_dim_line_item l WHERE l.model = m.model)
