"""Access of teams: a role that sees only its projects, in the views of bi_team. ops.team_access says which projects; grants do the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg
from psycopg.sql import SQL, Identifier

from meterhouse.errors import FixConfiguration
from meterhouse.warehouse.database import Connection, connect, translated
from meterhouse.warehouse.database_errors import reason
from meterhouse.warehouse.membership import ROLE_NAME_RULE, is_member, is_role_name, require_grantable
from meterhouse.warehouse.schema import BI, LOADER_ROLE, TEAM, TEAM_ROLE

EVERY_PROJECT = "all"
# The version that can grant a role without what it may do.
_INHERIT_SINCE = 160000
# Whether a role can do nothing but see a team's projects, in this database and in all others, and is not lent yet.
_MAY_BE_LENT = """
SELECT NOT pg_has_role(%(loader)s, r.oid, 'MEMBER')
    AND NOT (r.rolcanlogin OR r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls)
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_auth_members m WHERE m.member = r.oid AND m.roleid <> %(team)s::regrole
    )
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_shdepend d WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = r.oid)
FROM pg_catalog.pg_roles r
WHERE r.rolname = %(role)s
"""
_PROJECTS = """
SELECT i.project_id, max(p.project_name)
FROM (
    SELECT organization_id, project_id FROM warehouse.dim_project
    UNION SELECT organization_id, project_id FROM warehouse.dim_group
    UNION SELECT organization_id, project_id FROM warehouse.dim_cost_group
) i
JOIN warehouse.dim_organization o ON o.organization_id = i.organization_id
LEFT JOIN warehouse.dim_project p ON p.organization_id = i.organization_id AND p.project_id = i.project_id AND p.valid_to IS NULL
WHERE o.label = %s AND i.project_id IS NOT NULL
GROUP BY i.project_id
ORDER BY 2, 1
"""


def grant_team(owner_url: str, role: str, projects: Sequence[str], organization: str | None = None) -> list[str]:
    """Let `role` see exactly `projects` of one organization in bi_team; return lines that say what it sees now.

    The role is made if it is missing, without a login: people and tools log in as members of it. `projects` may be the one word `all`.
    Running it again changes nothing. Raises `FixConfiguration` for a role, project or organization that cannot be meant.
    """
    if not is_role_name(role):
        raise FixConfiguration(f"{role!r} cannot be a team's role: {ROLE_NAME_RULE}")
    if not projects:
        raise FixConfiguration("--projects is empty: give the identifiers of projects, or all; to take access away, use --revoke")
    with as_owner(owner_url, "grant access to teams") as connection:
        label = _chosen(connection, organization)
        known = dict(connection.execute(_PROJECTS, (label,)).fetchall())
        wanted = _wanted(projects, label, known)
        can_log_in = _prepare_role(connection, role)
        connection.execute("DELETE FROM ops.team_access WHERE role_name = %s AND organization = %s", (role, label))
        for project in wanted:
            connection.execute(
                "INSERT INTO ops.team_access (role_name, organization, project_id) VALUES (%s, %s, %s)", (role, label, project)
            )
    named = "all projects" if None in wanted else ", ".join(f"{project} ({known[str(project)] or 'no name'})" for project in wanted)
    lines = [f"{role} sees {named} of {label}, in schema {TEAM}"]
    if not can_log_in:
        lines.append(f"{role} is a group without a login; let somebody in with: CREATE ROLE somebody LOGIN PASSWORD '...' IN ROLE {role};")
    return lines


def revoke_team(owner_url: str, role: str, organization: str | None = None) -> list[str]:
    """Take away what `role` sees, of one organization or of all; return a line that says so. The role itself and its members stay.

    Raises `FixConfiguration` when it sees nothing.
    """
    with as_owner(owner_url, "grant access to teams") as connection:
        removed = connection.execute(
            "DELETE FROM ops.team_access WHERE role_name = %s AND organization = coalesce(%s, organization)", (role, organization)
        ).rowcount
        left = [row[0] for row in connection.execute("SELECT DISTINCT organization FROM ops.team_access WHERE role_name = %s", (role,))]
        if not removed:
            raise FixConfiguration(f"{role} has no access{f' to {organization}' if organization else ''} that could be taken away")
        if not left and is_member(connection, role, TEAM_ROLE):
            connection.execute(SQL("REVOKE {} FROM {}").format(Identifier(TEAM_ROLE), Identifier(role)))
            # Nothing is left to report; one that the owner may not grant was never lent.
            with suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(SQL("REVOKE {} FROM {}").format(Identifier(role), Identifier(LOADER_ROLE)))
    if left:
        return [f"{role} no longer has access to {organization}; its access to projects of {', '.join(sorted(left))} stays"]
    return [f"{role} no longer has access to anything; the role and its members stay"]


def restore_teams(connection: Connection) -> list[str]:
    """Make the roles of teams that a restored database names and the server lacks; return a line for those that are nobody's to make.

    An existing role of that name that is in no team may be somebody else's: it sees nothing until it is granted its projects again.
    """
    outside = connection.execute(
        "SELECT DISTINCT a.role_name, r.oid IS NOT NULL FROM ops.team_access a LEFT JOIN pg_catalog.pg_roles r ON r.rolname = a.role_name"
        " WHERE r.oid IS NULL OR NOT pg_has_role(r.oid, %s, 'MEMBER') ORDER BY 1",
        (TEAM_ROLE,),
    ).fetchall()
    left = [role for role, is_there in outside if is_there or not is_role_name(role) or not _restored(connection, role)]
    return [f"shown nothing, as they are not in {TEAM_ROLE}: {', '.join(left)}; meterhouse grant-team lets them in again"] if left else []


def _restored(connection: Connection, role: str) -> bool:
    try:
        _prepare_role(connection, role)
    except FixConfiguration:
        return False
    return True


@contextmanager
def as_owner(url: str, what: str) -> Iterator[Connection]:
    """A transaction of the owner, one at a time, who wants to do `what`; its refusals in words that say what to do."""
    with connect(url) as connection, translated(what):
        try:
            with connection.transaction():
                connection.execute("LOCK TABLE ops.team_access IN SHARE ROW EXCLUSIVE MODE")
                yield connection
        except psycopg.errors.InsufficientPrivilege as error:
            raise FixConfiguration(
                f"the role may not {what} ({reason(error)}): name the warehouse's owner in METERHOUSE_MIGRATE_URL; after a restore, run"
                " meterhouse migrate first"
            ) from None


def _chosen(connection: Connection, organization: str | None) -> str:
    labels = [str(row[0]) for row in connection.execute("SELECT label FROM warehouse.dim_organization ORDER BY 1")]
    if organization in labels:
        return str(organization)
    if organization is not None:
        raise FixConfiguration(f"no organization is called {organization!r}; loaded are: {', '.join(labels) or 'none'}")
    if len(labels) != 1:
        raise FixConfiguration(
            f"several organizations are loaded: name one with --organization, out of {', '.join(labels)}"
            if labels
            else "nothing is loaded yet: run meterhouse sync first, so that misspelt projects can be found"
        )
    return labels[0]


def _wanted(projects: Sequence[str], label: str, known: dict[str, str | None]) -> list[str | None]:
    if list(projects) == [EVERY_PROJECT]:
        return [None]
    strangers = [project for project in projects if project not in known]
    if strangers:
        some = ", ".join(f"{project} ({name or 'no name'})" for project, name in list(known.items())[:20])
        raise FixConfiguration(
            f"{label} has no project {', '.join(strangers)}; it has {some or 'none'}{', ...' if len(known) > 20 else ''}"
        )
    return list(dict.fromkeys(projects))


def _prepare_role(connection: Connection, role: str) -> bool:
    """Make the role a member of the teams' group, and return whether it can log in."""
    require_grantable(connection, role, TEAM_ROLE)
    found = connection.execute(
        "SELECT rolcanlogin, rolsuper OR has_schema_privilege(oid, %s, 'USAGE') FROM pg_catalog.pg_roles WHERE rolname = %s", (BI, role)
    ).fetchone()
    if found is None:
        connection.execute(SQL("CREATE ROLE {} NOLOGIN").format(Identifier(role)))
    elif found[1]:
        raise FixConfiguration(f"{role} may read schema {BI}, and so sees every project already: take that from it, or choose another role")
    if not is_member(connection, role, TEAM_ROLE):
        connection.execute(SQL("GRANT {} TO {}").format(Identifier(TEAM_ROLE), Identifier(role)))
    connection.execute(
        SQL("GRANT CONNECT ON DATABASE {} TO {}").format(Identifier(connection.info.dbname), Identifier(TEAM_ROLE))
    )  # a restored database has lost it
    _lend(connection, role)
    return bool(found and found[0])


def _lend(connection: Connection, role: str) -> None:
    """Let the loader become the role, to write reports that hold no more than the role sees; from PostgreSQL 16 on it inherits nothing.

    Only a role that can do nothing else is lent: the loader must not gain what somebody who logs in, or another group, may do. Left out
    as well where the owner may not grant the role: an import of recipients then says what to do.
    """
    option = "" if connection.info.server_version < _INHERIT_SINCE else " WITH INHERIT FALSE"
    (may_be_lent,) = connection.execute(_MAY_BE_LENT, {"role": role, "team": TEAM_ROLE, "loader": LOADER_ROLE}).fetchone() or (False,)
    if may_be_lent:
        with suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute(SQL("GRANT {} TO {}" + option).format(Identifier(role), Identifier(LOADER_ROLE)))
