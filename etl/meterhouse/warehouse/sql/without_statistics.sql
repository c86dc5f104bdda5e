-- Tables with rows for which the server has no statistics, in the table itself or in one of its months, as after a restore.
WITH parts AS (
    SELECT c.oid AS root, coalesce(p.relid, c.oid) AS relation
    FROM pg_catalog.pg_class c
    LEFT JOIN LATERAL pg_partition_tree(c.oid) p ON true
    WHERE c.relnamespace IN ('warehouse'::regnamespace, 'ops'::regnamespace)
    AND c.relkind IN ('r', 'p')
    AND NOT c.relispartition
    AND pg_has_role(c.relowner, 'USAGE')
),

filled AS (
    SELECT DISTINCT root FROM parts WHERE pg_relation_size(relation) > 0
)

SELECT DISTINCT p.root::regclass::text
FROM parts p
JOIN filled f ON f.root = p.root
JOIN pg_catalog.pg_class c ON c.oid = p.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (c.relkind = 'p' OR pg_relation_size(c.oid) > 0)
AND (n.nspname, c.relname) NOT IN (SELECT s.schemaname, s.tablename FROM pg_catalog.pg_stats s WHERE s.schemaname IN ('warehouse', 'ops'))
ORDER BY 1
