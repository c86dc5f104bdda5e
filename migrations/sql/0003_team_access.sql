-- The group role of teams and what it may do: select from bi_team, where each view shows what was granted to the current role.
-- Running it again changes nothing. Only the owner decides which team sees what: the loader has no access to it.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'meterhouse_team') THEN
        BEGIN
            CREATE ROLE meterhouse_team NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL;  -- the migration of another database made it in the same moment
        END;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO meterhouse_team', current_database());
END
$$;

CREATE SCHEMA IF NOT EXISTS bi_team;
REVOKE ALL ON SCHEMA bi_team FROM PUBLIC;
GRANT USAGE ON SCHEMA bi_team TO meterhouse_team;
REVOKE ALL ON ops.team_access FROM meterhouse_loader;

-- A superuser who migrates leaves what is new to the owner, who migrates next time and grants teams their projects.
DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace WHERE nspname = 'bi');
BEGIN
    IF owner <> current_user AND (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('ALTER SCHEMA bi_team OWNER TO %I', owner);
        EXECUTE format('ALTER TABLE ops.team_access OWNER TO %I', owner);
        EXECUTE format('GRANT meterhouse_team TO %I WITH ADMIN OPTION', owner);
    END IF;
END
$$;
