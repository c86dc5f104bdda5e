-- Group roles of the warehouse and what each may do. Run by the owner; running it again changes nothing.
-- Nobody logs in as these until they are given a password, or are granted to the roles that your people and tools use.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['meterhouse_loader', 'meterhouse_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO meterhouse_loader', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO meterhouse_reader', current_database());
END
$$;

CREATE SCHEMA IF NOT EXISTS bi;
REVOKE ALL ON SCHEMA public, warehouse, ops, bi FROM PUBLIC;

GRANT USAGE ON SCHEMA warehouse, ops, bi TO meterhouse_loader;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA warehouse, ops TO meterhouse_loader;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA warehouse, ops TO meterhouse_loader;
REVOKE INSERT, UPDATE, DELETE ON ops.alembic_version FROM meterhouse_loader;
ALTER DEFAULT PRIVILEGES IN SCHEMA warehouse, ops GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO meterhouse_loader;
ALTER DEFAULT PRIVILEGES IN SCHEMA warehouse, ops GRANT USAGE, SELECT ON SEQUENCES TO meterhouse_loader;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

GRANT USAGE ON SCHEMA bi TO meterhouse_reader;
