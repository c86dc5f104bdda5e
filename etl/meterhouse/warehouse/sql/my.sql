-- Gives schema my to its role, with what is in it, and lets readers read it: once after it was made, and after a restore without owners or
-- rights. Otherwise it changes nothing, whatever its role did there. Run at every migration, by the owner or a superuser.
DO $$
DECLARE
    warehouse_owner name := (SELECT pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace WHERE nspname = 'bi');
    schema_owner oid;
    is_new boolean;
    relation regclass;
BEGIN
    SELECT
        n.nspowner,
        (n.nspacl IS NULL AND n.nspowner = 'meterhouse_my'::regrole)
        OR pg_get_userbyid(n.nspowner) = warehouse_owner
        OR n.nspowner IN (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolsuper)
    INTO schema_owner, is_new
    FROM pg_catalog.pg_namespace n
    WHERE n.nspname = 'my' AND pg_has_role(n.nspowner, 'USAGE')
    -- Any other is somebody's who had it before.
    AND obj_description(n.oid, 'pg_namespace') = 'For tables and views of your own: meterhouse makes this schema once and never changes what is in it.';
    IF is_new IS NOT TRUE THEN
        RETURN;
    END IF;
    BEGIN
        -- Views in it may read bi, and the owner, who makes backups, reads all of it.
        GRANT meterhouse_reader TO meterhouse_my;
        EXECUTE format('GRANT meterhouse_my TO %I', warehouse_owner);
    EXCEPTION
        WHEN insufficient_privilege THEN
            RETURN;  -- the line about it names who may
    END;
    IF schema_owner <> 'meterhouse_my'::regrole THEN
        ALTER SCHEMA my OWNER TO meterhouse_my;
    END IF;
    FOR relation IN
        SELECT c.oid
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'my'::regnamespace
        AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND c.relowner IN (schema_owner, 'meterhouse_my'::regrole)
        -- A column's sequence goes with its table.
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend d
            WHERE c.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
        )
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO meterhouse_my', relation);
        EXECUTE format('GRANT SELECT ON %s TO meterhouse_reader', relation);
    END LOOP;
    GRANT USAGE ON SCHEMA my TO meterhouse_reader;
    ALTER DEFAULT PRIVILEGES FOR ROLE meterhouse_my IN SCHEMA my GRANT SELECT ON TABLES TO meterhouse_reader;
END
$$;
