-- The loader has no right to make tables; it may call this to get the monthly partition of a fact table.
-- The partition is made apart and then attached, so readers of the table never wait for it.
CREATE OR REPLACE FUNCTION warehouse.ensure_partition(fact text, month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first_day date := date_trunc('month', month)::date;
    partition text := fact || '_' || to_char(month, 'YYYY_MM');
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_catalog.pg_partitioned_table p
        JOIN pg_catalog.pg_class c ON c.oid = p.partrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'warehouse' AND c.relname = fact
    ) THEN
        RAISE EXCEPTION 'warehouse.% is not a fact table', fact;
    END IF;
    IF to_regclass(format('warehouse.%I', partition)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE warehouse.%I (LIKE warehouse.%I INCLUDING ALL) WITH (fillfactor = 90)', partition, fact);
    EXECUTE format(
        'ALTER TABLE warehouse.%I ATTACH PARTITION warehouse.%I FOR VALUES FROM (%L) TO (%L)',
        fact, partition, first_day || ' 00:00:00+00', (first_day + interval '1 month')::date || ' 00:00:00+00'
    );
EXCEPTION
    WHEN duplicate_table OR duplicate_object OR unique_violation THEN
        RETURN;  -- another loader made it in the same moment
END
$$;
REVOKE ALL ON FUNCTION warehouse.ensure_partition(text, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION warehouse.ensure_partition(text, date) TO meterhouse_loader;
