-- A schema of this name that is there already is somebody's: it stays as it is.
DO $$
BEGIN
    IF to_regnamespace('my') IS NULL THEN
        CREATE SCHEMA my;
        COMMENT ON SCHEMA my IS 'For tables and views of your own: meterhouse makes this schema once and never changes what is in it.';
    END IF;
END
$$;
