-- The loader has no right to make tables; it may call this to get the monthly partition of a fact table.
-- The partition is made apart and then attached, so readers of the table never wait for it.
-- The planner leaves months out by the day of the views only because `ck_usage_date` says of each month which days it has, in their words.
CREATE OR REPLACE FUNCTION warehouse.ensure_partition(fact text, month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
DECLARE
    first_day date := date_trunc('month', month)::date;
    following date := (first_day + interval '1 month')::date;
    partition text := fact || '_' || to_char(month, 'YYYY_MM');
    bounds text := format('FOR VALUES FROM (%L) TO (%L)', first_day || ' 00:00:00+00', following || ' 00:00:00+00');
    add_check text := format(
        'ALTER TABLE warehouse.%I ADD CONSTRAINT ck_usage_date CHECK ((bucket_start AT TIME ZONE ''UTC'')::date >= DATE %L'
        ' AND (bucket_start AT TIME ZONE ''UTC'')::date < DATE %L)', partition, first_day, following
    );
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
        -- One that the function's older version made while it was being replaced. What somebody else attached has other bounds.
        IF EXISTS (
            SELECT FROM pg_catalog.pg_inherits i
            JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = to_regclass(format('warehouse.%I', fact)) AND c.oid = to_regclass(format('warehouse.%I', partition))
            AND c.relkind = 'r' AND pg_has_role(c.relowner, 'USAGE') AND pg_get_expr(c.relpartbound, c.oid) = bounds
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.conname = 'ck_usage_date')
        ) THEN
            BEGIN
                EXECUTE format('LOCK TABLE warehouse.%I IN ACCESS EXCLUSIVE MODE NOWAIT', partition);
                EXECUTE add_check;
            EXCEPTION
                WHEN lock_not_available THEN
                    NULL;  -- somebody reads it: the next load tries again
            END;
        END IF;
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE warehouse.%I (LIKE warehouse.%I INCLUDING ALL) WITH (fillfactor = 90)', partition, fact);
    EXECUTE add_check;
    EXECUTE format('ALTER TABLE warehouse.%I ATTACH PARTITION warehouse.%I %s', fact, partition, bounds);
EXCEPTION
    WHEN duplicate_table OR duplicate_object OR unique_violation THEN
        RETURN;  -- another loader made it in the same moment
END
$$;
