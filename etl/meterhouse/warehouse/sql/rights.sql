-- What each role may do in the warehouse, because a backup may be restored without roles or rights. Run at every migration, by the owner or a
-- superuser; running it again changes nothing, and what was granted to others stays. Views are granted where they are created.
DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace WHERE nspname = 'bi');
    by_default text := format('ALTER DEFAULT PRIVILEGES FOR ROLE %I ', owner);
    relation regclass;
    routine regprocedure;
BEGIN
    -- In a restored database every role on the server may connect. If somebody else owns it, PostgreSQL only warns.
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO meterhouse_loader', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO meterhouse_reader, meterhouse_team', current_database());
    IF to_regnamespace('public') IS NOT NULL THEN
        BEGIN
            REVOKE ALL ON SCHEMA public FROM PUBLIC;
        EXCEPTION
            WHEN insufficient_privilege THEN
                NULL;  -- some servers reserve it for their administrator
        END;
    END IF;
    REVOKE ALL ON SCHEMA warehouse, ops, bi, bi_team FROM PUBLIC;
    GRANT USAGE ON SCHEMA warehouse, ops, bi TO meterhouse_loader;
    GRANT USAGE ON SCHEMA bi TO meterhouse_reader;
    GRANT USAGE ON SCHEMA bi_team TO meterhouse_team;
    EXECUTE by_default || 'IN SCHEMA warehouse, ops GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO meterhouse_loader';
    EXECUTE by_default || 'IN SCHEMA warehouse, ops GRANT USAGE, SELECT ON SEQUENCES TO meterhouse_loader';
    EXECUTE by_default || 'IN SCHEMA bi GRANT SELECT ON TABLES TO meterhouse_loader, meterhouse_reader';
    EXECUTE by_default || 'REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC';
    -- Only tables that lack a right: past months are not touched, nor are other people's tables.
    FOR relation IN
        SELECT c.oid
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace IN ('warehouse'::regnamespace, 'ops'::regnamespace)
        AND c.relkind IN ('r', 'p', 'v')
        AND c.oid NOT IN ('ops.alembic_version'::regclass, 'ops.team_access'::regclass)
        AND pg_has_role(c.relowner, 'USAGE')
        AND EXISTS (
            SELECT FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p (privilege)
            WHERE NOT has_table_privilege('meterhouse_loader', c.oid, p.privilege)
        )
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO meterhouse_loader', relation);
    END LOOP;
    FOR relation IN
        SELECT c.oid
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace IN ('warehouse'::regnamespace, 'ops'::regnamespace)
        AND c.relkind = 'S'
        AND pg_has_role(c.relowner, 'USAGE')
        AND NOT (
            has_sequence_privilege('meterhouse_loader', c.oid, 'USAGE') AND has_sequence_privilege('meterhouse_loader', c.oid, 'SELECT')
        )
    LOOP
        EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO meterhouse_loader', relation);
    END LOOP;
    GRANT SELECT ON ops.alembic_version TO meterhouse_loader;
    REVOKE INSERT, UPDATE, DELETE ON ops.alembic_version FROM meterhouse_loader;
    -- Only the owner decides which team sees what: the loader has no access to it.
    REVOKE ALL ON ops.team_access FROM meterhouse_loader;
    FOR routine IN
        SELECT p.oid
        FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'warehouse'::regnamespace
        AND p.proname IN ('ensure_partition', 'partition_of', 'empty_partition', 'compact_partition')
        AND pg_has_role(p.proowner, 'USAGE')
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', routine);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO meterhouse_loader', routine);
    END LOOP;
    IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
    AND NOT pg_has_role(owner, 'meterhouse_team', 'MEMBER WITH ADMIN OPTION') THEN
        EXECUTE format('GRANT meterhouse_team TO %I WITH ADMIN OPTION', owner);
    END IF;
END
$$;
