-- What the loader may do with forecasts, and their owner when somebody else migrates for it: the views belong to it and read them.
DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace WHERE nspname = 'bi');
    relation regclass;
BEGIN
    FOREACH relation IN ARRAY ARRAY['warehouse.cost_forecasts', 'ops.forecast_days']::regclass[]
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO meterhouse_loader', relation);
        IF owner <> current_user AND pg_has_role(current_user, owner, 'MEMBER') THEN
            EXECUTE format('ALTER TABLE %s OWNER TO %I', relation, owner);
        END IF;
    END LOOP;
END
$$;
