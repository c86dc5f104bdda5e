-- Every month that is there gets the check that `ensure_partition` gives a new one. Tables are locked before their months, as by a reader.
DO $$
DECLARE
    fact name;
    month date;
BEGIN
    FOR fact IN
        SELECT c.relname
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'warehouse'::regnamespace AND c.relkind = 'p' AND NOT c.relispartition
        AND (c.relname = 'costs' OR c.relname ~ '^usage_')
        ORDER BY 1
    LOOP
        EXECUTE format('LOCK TABLE warehouse.%I IN ACCESS EXCLUSIVE MODE', fact);
        FOR month IN
            SELECT to_date(right(c.relname, 7), 'YYYY_MM')
            FROM pg_catalog.pg_inherits i
            JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = format('warehouse.%I', fact)::regclass
            AND left(c.relname, -8) = fact AND right(c.relname, 8) ~ '^_[1-9]\d{3}_(0[1-9]|1[0-2])$'
            ORDER BY 1
        LOOP
            PERFORM warehouse.ensure_partition(fact, month);
        END LOOP;
    END LOOP;
END
$$;
