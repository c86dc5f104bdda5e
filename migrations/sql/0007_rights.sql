-- What the loader may do with the new table, and its owner when somebody else migrates for it.
GRANT SELECT, INSERT, UPDATE, DELETE ON ops.set_aside TO meterhouse_loader;
DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace WHERE nspname = 'bi');
BEGIN
    IF owner <> current_user AND pg_has_role(current_user, owner, 'MEMBER') THEN
        EXECUTE format('ALTER TABLE ops.set_aside OWNER TO %I', owner);
    END IF;
END
$$;
