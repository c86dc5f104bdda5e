-- Revokes from PUBLIC in this database what PostgreSQL lets every role do besides reading, and grants it to the owner if a migration needs it.
-- Run by a superuser; running it again changes nothing. It is optional: without it a reader still cannot read data outside of bi, but may
-- write large objects to the server's disk, hold up a migration, and send notifications. It is lost with a dump and restore: run it again.
DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(datdba) FROM pg_catalog.pg_database WHERE datname = current_database());
    signature regprocedure;
BEGIN
    FOR signature IN
        SELECT p.oid
        FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace
        AND (
            -- Large objects: the only way in which a role without write privileges can fill the disk.
            p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lo_open', 'lowrite', 'lo_truncate', 'lo_truncate64', 'lo_unlink')
            -- Advisory locks, including transaction-level ones: a reader could make a migration wait. The loader locks rows.
            OR p.proname ~ '^pg_(try_)?advisory_(xact_)?lock'
            -- Notifications to other sessions, and messages in the write-ahead log.
            OR p.proname IN ('pg_notify', 'pg_logical_emit_message')
            -- Sessions of the same role: one person could end another's session. Tools cancel through the protocol, which still works.
            OR p.proname IN ('pg_cancel_backend', 'pg_terminate_backend')
        )
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', signature);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', signature, owner);
    END LOOP;
    -- DO blocks; the functions that the migrations made run without this right.
    REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
    EXECUTE format('GRANT USAGE ON LANGUAGE plpgsql TO %I', owner);
    -- Temporary tables; the loader has its own right to create them.
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END
$$;

-- A role may always change its own settings. Earlier changes are reset; the limit can be changed only by a superuser, and the others
-- are for the planner, as in the sessions of `meterhouse dashboard`.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'meterhouse_reader') THEN
        ALTER ROLE meterhouse_reader RESET ALL;
        ALTER ROLE meterhouse_reader SET temp_file_limit = '10GB';
        ALTER ROLE meterhouse_reader SET jit = 'off';
        ALTER ROLE meterhouse_reader SET hash_mem_multiplier = '16';
    END IF;
END
$$;
