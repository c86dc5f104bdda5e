-- What PostgreSQL lets every role do beside reading: taken from PUBLIC in this database. Run by a superuser; running it again changes nothing.
-- The loader needs none of it. It is optional: without it a reader can still reach no data outside of bi, but may write large objects to
-- the server's disk, take advisory locks and send notifications.

-- Large objects: the only way in which a role without any right to write can fill the disk.
REVOKE EXECUTE ON FUNCTION pg_catalog.lo_creat(integer), pg_catalog.lo_create(oid), pg_catalog.lo_from_bytea(oid, bytea),
    pg_catalog.lo_put(oid, bigint, bytea), pg_catalog.lo_open(oid, integer), pg_catalog.lo_unlink(oid) FROM PUBLIC;

-- Advisory locks: a reader could make somebody else wait. The loader locks rows, so it is not among them.
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_advisory_lock(bigint), pg_catalog.pg_advisory_lock(integer, integer),
    pg_catalog.pg_advisory_lock_shared(bigint), pg_catalog.pg_advisory_lock_shared(integer, integer),
    pg_catalog.pg_try_advisory_lock(bigint), pg_catalog.pg_try_advisory_lock(integer, integer),
    pg_catalog.pg_try_advisory_lock_shared(bigint), pg_catalog.pg_try_advisory_lock_shared(integer, integer) FROM PUBLIC;

-- Notifications: a way to talk to other sessions.
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_notify(text, text) FROM PUBLIC;
