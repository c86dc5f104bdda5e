-- Drops the schema if it is the one that was made and nothing is in it: what somebody put there stays.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_catalog.pg_namespace n
        WHERE n.nspname = 'my' AND pg_has_role(n.nspowner, 'USAGE')
        AND obj_description(n.oid, 'pg_namespace') = 'For tables and views of your own: meterhouse makes this schema once and never changes what is in it.'
    ) THEN
        BEGIN
            DROP SCHEMA my RESTRICT;
        EXCEPTION
            WHEN dependent_objects_still_exist THEN
                NULL;
        END;
    END IF;
END
$$;
