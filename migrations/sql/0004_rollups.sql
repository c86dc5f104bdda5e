-- What the loader may do with the rollups, and their owner when somebody else migrates for it: the views belong to it and read them.
DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace WHERE nspname = 'bi');
    rollup text;
BEGIN
    FOREACH rollup IN ARRAY ARRAY[
        'rollup_usage_by_model', 'rollup_usage_by_api_key', 'rollup_usage_by_user', 'rollup_costs_by_line_item', 'rollup_costs_by_api_key'
    ] LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON warehouse.%I TO meterhouse_loader', rollup);
        IF owner <> current_user AND pg_has_role(current_user, owner, 'MEMBER') THEN
            EXECUTE format('ALTER TABLE warehouse.%I OWNER TO %I', rollup, owner);
        END IF;
    END LOOP;
END
$$;
