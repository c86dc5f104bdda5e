"""Who owns what in a warehouse and who may do what with it, as the server keeps it: built-in defaults included, whatever their origin."""

from __future__ import annotations

from typing import Any

from .loaded_organization import rows

_SCHEMAS = "('warehouse', 'ops', 'bi', 'bi_team', 'public')"
# Schema my is not the owner's: test_schema_my looks at it.
# An owner's own rights are left out: they follow from owning it, and differ between versions of the server.
GRANTED = f"""
SELECT o.kind, o.name, o.owner::regrole::text,
    CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, a.privilege_type, a.is_grantable
FROM (
    SELECT 'database', 'this', datdba, coalesce(datacl, acldefault('d', datdba)) FROM pg_database WHERE datname = current_database()
    UNION ALL SELECT 'schema', nspname, nspowner, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace WHERE nspname IN {_SCHEMAS}
    UNION ALL SELECT CASE relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE 'table' END, c.oid::regclass::text, relowner,
        coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
        FROM pg_class c WHERE relnamespace::regnamespace::text IN {_SCHEMAS} AND relkind IN ('r', 'p', 'v', 'S')
    UNION ALL SELECT 'function', oid::regprocedure::text, proowner, coalesce(proacl, acldefault('f', proowner))
        FROM pg_proc WHERE pronamespace::regnamespace::text IN {_SCHEMAS}
    UNION ALL SELECT 'type', oid::regtype::text, typowner, coalesce(typacl, acldefault('T', typowner))
        FROM pg_type WHERE typnamespace::regnamespace::text IN {_SCHEMAS} AND typrelid = 0 AND typelem = 0
    UNION ALL SELECT 'default for ' || defaclobjtype::text,
        coalesce(nullif(defaclnamespace, 0)::regnamespace::text, ''), defaclrole, defaclacl
        FROM pg_default_acl WHERE defaclnamespace IS DISTINCT FROM to_regnamespace('my')
) AS o (kind, name, owner, acl) LEFT JOIN LATERAL aclexplode(o.acl) a ON a.grantee <> o.owner
"""


def granted(superuser_url: str) -> set[tuple[Any, ...]]:
    """(kind, object, owner, role, privilege, with grant option) of everything in the warehouse's schemas, and of the database.

    What nobody but the owner has a right to has one row with role, privilege and option None.
    """
    return set(rows(superuser_url, GRANTED))
