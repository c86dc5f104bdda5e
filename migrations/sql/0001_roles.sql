-- Group roles of the warehouse and what each may do. Run by the owner; running it again changes nothing.
-- Nobody logs in as these until they are given a password, or are granted to the roles that your people and tools use.
-- Needs CREATEROLE and no superuser; where an administrator has made both roles already, not even that. The database should be the
-- warehouse's alone: whoever else uses it loses what PUBLIC had in it. Where its owner is somebody else, PostgreSQL only warns about that.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['meterhouse_loader', 'meterhouse_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL;  -- roles belong to the whole server: the migration of another database made it in the same moment
            END;
        END IF;
    END LOOP;
    -- Some servers come without it, or keep it for their administrator.
    IF to_regnamespace('public') IS NOT NULL THEN
        BEGIN
            REVOKE ALL ON SCHEMA public FROM PUBLIC;
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'schema public is left as it is: it belongs to somebody else';
        END;
    END IF;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO meterhouse_loader', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO meterhouse_reader', current_database());
END
$$;

CREATE SCHEMA IF NOT EXISTS bi;
REVOKE ALL ON SCHEMA warehouse, ops, bi FROM PUBLIC;

GRANT USAGE ON SCHEMA warehouse, ops, bi TO meterhouse_loader;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA warehouse, ops TO meterhouse_loader;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA warehouse, ops TO meterhouse_loader;
REVOKE INSERT, UPDATE, DELETE ON ops.alembic_version FROM meterhouse_loader;
ALTER DEFAULT PRIVILEGES IN SCHEMA warehouse, ops GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO meterhouse_loader;
ALTER DEFAULT PRIVILEGES IN SCHEMA warehouse, ops GRANT USAGE, SELECT ON SEQUENCES TO meterhouse_loader;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

GRANT USAGE ON SCHEMA bi TO meterhouse_reader;
