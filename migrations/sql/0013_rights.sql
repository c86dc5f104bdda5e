-- What the loader may do with the usage by hour, and their owner when somebody else migrates for it: the views belong to it and read them.
DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace WHERE nspname = 'bi');
BEGIN
    GRANT SELECT, INSERT, UPDATE, DELETE ON warehouse.rollup_usage_by_hour TO meterhouse_loader;
    IF owner <> current_user AND pg_has_role(current_user, owner, 'MEMBER') THEN
        EXECUTE format('ALTER TABLE warehouse.rollup_usage_by_hour OWNER TO %I', owner);
    END IF;
END
$$;
