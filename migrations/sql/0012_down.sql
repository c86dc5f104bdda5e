-- Takes the check from every month of the fact tables.
DO $$
DECLARE
    fact regclass;
    partition regclass;
BEGIN
    FOR fact IN
        SELECT c.oid
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'warehouse'::regnamespace AND c.relkind = 'p' AND NOT c.relispartition
        AND (c.relname = 'costs' OR c.relname ~ '^usage_')
        ORDER BY c.relname
    LOOP
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', fact);
        FOR partition IN
            SELECT i.inhrelid
            FROM pg_catalog.pg_inherits i
            JOIN pg_catalog.pg_constraint k ON k.conrelid = i.inhrelid AND k.conname = 'ck_usage_date'
            WHERE i.inhparent = fact
        LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT ck_usage_date', partition);
        END LOOP;
    END LOOP;
END
$$;
