-- What the loader may do with the costs by user and the allocation, and their owner when somebody else migrates for it: the views belong to it
-- and read them.
DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace WHERE nspname = 'bi');
    made text;
BEGIN
    FOREACH made IN ARRAY ARRAY[
        'warehouse.costs_by_user', 'warehouse.dim_cost_by_user_group', 'warehouse.cost_allocation', 'warehouse.rollup_cost_allocation',
        'ops.allocated_days'
    ]
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO meterhouse_loader', made::regclass);
        IF owner <> current_user AND pg_has_role(current_user, owner, 'MEMBER') THEN
            EXECUTE format('ALTER TABLE %s OWNER TO %I', made::regclass, owner);
        END IF;
    END LOOP;
    EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO meterhouse_loader', pg_get_serial_sequence('warehouse.dim_cost_by_user_group', 'group_id'));
END
$$;
