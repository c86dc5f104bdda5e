-- The unit that came with the quantities of each line item; of several the first in the alphabet, as nobody knows which came first.
UPDATE warehouse.dim_line_item l
SET quantity_unit = u.quantity_unit
FROM (
    SELECT
        g.line_item,
        min(f.quantity_unit) AS quantity_unit
    FROM warehouse.costs f
    JOIN warehouse.dim_cost_group g ON g.group_id = f.group_id
    WHERE f.quantity_unit IS NOT NULL
    GROUP BY g.line_item
) u
WHERE u.line_item = l.line_item;
