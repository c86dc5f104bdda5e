-- What the loader may do with the new tables, and their owner when somebody else migrates for it.
DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace WHERE nspname = 'bi');
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY[
        'invoices', 'invoice_lines', 'cost_corrections', 'prepaid_purchases', 'owner_assignments', 'exchange_rates'
    ]
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON warehouse.%I TO meterhouse_loader', relation);
        IF owner <> current_user AND pg_has_role(current_user, owner, 'MEMBER') THEN
            EXECUTE format('ALTER TABLE warehouse.%I OWNER TO %I', relation, owner);
        END IF;
    END LOOP;
END
$$;
