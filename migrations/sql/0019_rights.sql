-- What the loader may do with odd days and planned activity, and their owner when somebody else migrates for it: the views belong to it and
-- read them.
DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace WHERE nspname = 'bi');
    made text;
BEGIN
    FOREACH made IN ARRAY ARRAY['warehouse.cost_anomalies', 'warehouse.planned_activity', 'ops.judged_days']
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO meterhouse_loader', made::regclass);
        IF owner <> current_user AND pg_has_role(current_user, owner, 'MEMBER') THEN
            EXECUTE format('ALTER TABLE %s OWNER TO %I', made::regclass, owner);
        END IF;
    END LOOP;
END
$$;
