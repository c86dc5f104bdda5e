"""Unknown owners: assignments to teams whose key, user or project the warehouse does not know, with the line and what was looked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

from meterhouse.accounting.teams import AssignedBy, Assignment
from meterhouse.control_characters import visible
from meterhouse.warehouse.database import Connection

_SHOWN = 5
_LOOKED_FOR = {
    AssignedBy.API_KEY: "API key with the identifier",
    AssignedBy.KEY_PREFIX: "API key with a name that begins with",
    AssignedBy.USER: "user with the identifier or e-mail address",
    AssignedBy.MAIL_DOMAIN: "user with an e-mail address of the domain",
    AssignedBy.PROJECT: "project with the identifier",
}
# What was deleted before its name was read is known only from the groups.
_UNKNOWN: LiteralString = """
WITH known AS MATERIALIZED (
    SELECT 'api_key' AS kind, k.organization_id, k.api_key_id AS identifier, k.api_key_name AS name, NULL AS mail
    FROM warehouse.dim_api_key k
    UNION
    SELECT 'user', u.organization_id, u.user_id, u.user_name, lower(u.user_email) FROM warehouse.dim_user u
    UNION
    SELECT 'project', p.organization_id, p.project_id, p.project_name, NULL FROM warehouse.dim_project p
    UNION
    SELECT i.kind, g.organization_id, i.identifier, NULL, NULL
    FROM (
        SELECT g.organization_id, g.api_key_id, g.user_id, g.project_id FROM warehouse.dim_group g
        UNION ALL
        SELECT g.organization_id, g.api_key_id, g.user_id, g.project_id FROM warehouse.dim_cost_by_user_group g
        UNION ALL
        SELECT g.organization_id, g.api_key_id, NULL, g.project_id FROM warehouse.dim_cost_group g
    ) g
    CROSS JOIN LATERAL (VALUES ('api_key', g.api_key_id), ('user', g.user_id), ('project', g.project_id)) AS i (kind, identifier)
    WHERE i.identifier IS NOT NULL
)

SELECT DISTINCT a.kind, a.value, o.label, (
    SELECT min(k.identifier)
    FROM known k
    WHERE k.kind = a.kind AND k.name = a.value AND k.organization_id = coalesce(a.organization_id, k.organization_id)
)
FROM warehouse.owner_assignments a
LEFT JOIN warehouse.dim_organization o ON o.organization_id = a.organization_id
WHERE a.kind <> 'default' AND NOT EXISTS (
    SELECT FROM known k
    WHERE k.organization_id = coalesce(a.organization_id, k.organization_id) AND CASE a.kind
        WHEN 'key_prefix' THEN k.kind = 'api_key' AND starts_with(k.name, a.value)
        WHEN 'mail_domain' THEN k.kind = 'user' AND split_part(k.mail, '@', 2) = a.value
        ELSE k.kind = a.kind AND (k.identifier = a.value OR k.mail = lower(a.value))
    END
)
"""


def unknown_owners(connection: Connection, assignments: Iterable[Assignment]) -> list[str]:
    """Return a line for each stored assignment that fits nothing that is loaded, in the order of the file; the first few, and a count."""
    places: dict[tuple[str, str, str | None], str] = {}
    for one in assignments:
        places.setdefault((one.kind, one.value, one.organization), one.place)
    found = {row[:3]: row[3] for row in connection.execute(_UNKNOWN)}
    unknown = [(of, place) for of, place in places.items() if of in found]
    lines = [_in_words(*of, place, found[of]) for of, place in unknown[:_SHOWN]]
    if not lines:
        return []
    more = f"and {len(unknown) - _SHOWN} more; " if len(unknown) > _SHOWN else ""
    return [*lines, f"{more}what is not known yet counts from when it is loaded"]


def _in_words(kind: str, value: str, organization: str | None, place: str, identifier: str | None) -> str:
    where = f" in {organization}" if organization else ""
    what = f"{place}: no {_LOOKED_FOR[AssignedBy(kind)]} {visible(value)!r} is known{where}"
    return f"{what}; it is the name of {visible(identifier)}: write this identifier" if identifier else what
