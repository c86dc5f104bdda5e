-- The loader owns no table, so it may neither empty a partition in one step nor give its space back: these do it, and nothing more.
-- Both give up after two seconds when a reader holds the partition: loads must not queue behind a long report.
CREATE FUNCTION warehouse.partition_of(fact text, month date) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT i.inhrelid::regclass
    FROM pg_catalog.pg_inherits i
    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass(format('warehouse.%I', fact)) AND c.relname = fact || '_' || to_char(month, 'YYYY_MM')
$$;

-- Empties the partition if all of its rows are hours before the one limit or minutes before the other (null keeps all), and returns how many
-- there were; returns null and leaves it alone when it holds anything else.
CREATE FUNCTION warehouse.empty_partition(fact text, month date, hours_before timestamptz, minutes_before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    partition regclass := warehouse.partition_of(fact, month);
    found bigint;
    to_keep bigint;
BEGIN
    IF partition IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', partition);
    EXECUTE format(
        'SELECT count(*), count(*) FILTER (WHERE NOT coalesce(
            f.bucket_start < CASE f.bucket_width WHEN 60 THEN $1 WHEN 1 THEN $2 END, false)) FROM %s f', partition
    ) INTO found, to_keep USING hours_before, minutes_before;
    IF to_keep > 0 THEN
        RETURN NULL;
    END IF;
    EXECUTE format('TRUNCATE TABLE %s', partition);
    RETURN found;
END
$$;

-- Writes the rows that are left of a partition into new files, by time, and returns how many bytes that gave back. Readers with an older
-- snapshot still see what they saw.
CREATE FUNCTION warehouse.compact_partition(fact text, month date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    partition regclass := warehouse.partition_of(fact, month);
    before bigint := pg_total_relation_size(partition);
BEGIN
    IF partition IS NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format(
        'CLUSTER %s USING %I', partition,
        (SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = partition AND i.indisprimary)
    );
    EXECUTE format('ANALYZE %s', partition);
    RETURN before - pg_total_relation_size(partition);
END
$$;

REVOKE ALL ON FUNCTION warehouse.partition_of(text, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION warehouse.empty_partition(text, date, timestamptz, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION warehouse.compact_partition(text, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION warehouse.partition_of(text, date) TO meterhouse_loader;
GRANT EXECUTE ON FUNCTION warehouse.empty_partition(text, date, timestamptz, timestamptz) TO meterhouse_loader;
GRANT EXECUTE ON FUNCTION warehouse.compact_partition(text, date) TO meterhouse_loader;
