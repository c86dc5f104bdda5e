-- Gives objects that a superuser restored without owners back to the owner of schema bi, or else of the database. Run by a superuser.
-- The owner of the database may be any role, so it gets them only if it may create roles, as a warehouse's owner must.
DO $$
DECLARE
    superusers oid [] := ARRAY(SELECT oid FROM pg_catalog.pg_roles WHERE rolsuper);
    new_owner name := coalesce(
        (SELECT pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace WHERE nspname = 'bi' AND nspowner <> ALL(superusers)),
        (
            SELECT r.rolname
            FROM pg_catalog.pg_database d
            JOIN pg_catalog.pg_roles r ON r.oid = d.datdba
            WHERE d.datname = current_database() AND r.rolcreaterole AND NOT r.rolsuper
        )
    );
    object text;
BEGIN
    FOR object IN
        SELECT format('SCHEMA %I', nspname)
        FROM pg_catalog.pg_namespace
        WHERE nspname IN ('warehouse', 'ops', 'bi', 'bi_team') AND nspowner = ANY(superusers)
        UNION ALL
        SELECT format(CASE c.relkind WHEN 'S' THEN 'SEQUENCE %s' WHEN 'v' THEN 'VIEW %s' ELSE 'TABLE %s' END, c.oid::regclass)
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace IN ('warehouse'::regnamespace, 'ops'::regnamespace)
        AND c.relkind IN ('r', 'p', 'v', 'S')
        AND c.relowner = ANY(superusers)
        -- A column's sequence goes with its table.
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend d
            WHERE c.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
        )
        UNION ALL
        SELECT format('TYPE %s', t.oid::regtype)
        FROM pg_catalog.pg_type t
        WHERE t.typnamespace IN ('warehouse'::regnamespace, 'ops'::regnamespace)
        AND t.typrelid = 0 AND t.typelem = 0
        AND t.typowner = ANY(superusers)
        UNION ALL
        SELECT format('FUNCTION %s', p.oid::regprocedure)
        FROM pg_catalog.pg_proc p
        WHERE p.pronamespace IN ('warehouse'::regnamespace, 'ops'::regnamespace) AND p.proowner = ANY(superusers)
    LOOP
        IF new_owner IS NOT NULL THEN
            EXECUTE format('ALTER %s OWNER TO %I', object, new_owner);
        END IF;
    END LOOP;
END
$$;
