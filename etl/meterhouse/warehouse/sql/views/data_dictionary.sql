-- One row per column of every view in this schema: its type, unit and meaning, in the same words as the column's comment.
-- Refreshed by every migration. There are no figures to add up.
SELECT
    c.relname::varchar(63) AS view_name,
    a.attname::varchar(63) AS column_name,
    a.attnum::bigint AS column_position,
    format_type(a.atttypid, a.atttypmod)::varchar(63) AS data_type,
    substring(col_description(c.oid, a.attnum) FROM ' Unit: ([^.]+)\.')::varchar(63) AS unit,
    col_description(c.oid, a.attnum)::varchar(1000) AS description,
    obj_description(c.oid, 'pg_class')::varchar(1000) AS view_description
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = 'bi' AND c.relkind = 'v'
