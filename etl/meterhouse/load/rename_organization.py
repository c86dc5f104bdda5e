"""Rename: a new label for an organization, and for everything that names it: grants to teams, and the runs that a backfill resumes by."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from meterhouse.catalogue.vendors import Vendor
from meterhouse.errors import FixConfiguration
from meterhouse.labels import DEFAULT_LABEL, DEMO_LABEL, is_label
from meterhouse.load.organizations import Organizations
from meterhouse.warehouse.access import as_owner
from meterhouse.warehouse.database import Connection

RUN_COMMAND = "rename-organization"


def rename_organization(owner_url: str, old: str, new: str) -> list[str]:
    """Give the organization `old` the label `new`, in one transaction; return lines that say what became of it.

    Done already is done. Raises `FixConfiguration` for a label that is unknown, taken, or none.
    """
    if DEMO_LABEL in {old, new}:
        raise FixConfiguration(f"{DEMO_LABEL} is reserved for invented figures: run meterhouse purge --organization {DEMO_LABEL}")
    if not is_label(new):
        raise FixConfiguration(f"{new!r} cannot be a label: it is small letters, digits, _ and -, beginning with a letter or digit")
    with as_owner(owner_url, "rename an organization") as connection:
        organizations = Organizations(connection)
        organizations.lock()
        labels = organizations.all_labels()
        if old not in labels:
            if new in labels and _was_renamed(connection, old, new):
                return [f"{old} is already called {new}: there was nothing to do"]
            raise FixConfiguration(f"no organization is called {old!r}; loaded are: {', '.join(labels) or 'none'}")
        if new == old:
            return [f"{old} is already its label: there was nothing to do"]
        _require_free(connection, labels, old, new)
        connection.execute("UPDATE warehouse.dim_organization SET label = %s WHERE label = %s", (new, old))
        grants = connection.execute("UPDATE ops.team_access SET organization = %s WHERE organization = %s", (new, old)).rowcount
        runs = connection.execute(
            "UPDATE ops.run_log SET parameters = parameters || %s WHERE parameters ->> 'organization' = %s",
            (Jsonb({"organization": new}), old),
        ).rowcount
        connection.execute(
            "INSERT INTO ops.run_log (command, parameters, status, started_at, finished_at) VALUES (%s, %s, 'done', now(), now())",
            (RUN_COMMAND, Jsonb({"organization": new, "renamed_from": old})),
        )
        key_words = _key_words(new, organizations.vendor(new))
    return [f"{old} is now called {new}, with its figures and names (run log: {runs}, grants to teams: {grants})", key_words]


def _was_renamed(connection: Connection, old: str, new: str) -> bool:
    found = connection.execute(
        "SELECT FROM ops.run_log WHERE command = %s AND parameters @> %s", (RUN_COMMAND, Jsonb({"organization": new, "renamed_from": old}))
    )
    return found.fetchone() is not None


def _require_free(connection: Connection, labels: list[str], old: str, new: str) -> None:
    if new in labels:
        raise FixConfiguration(
            f"{new} is already the label of a loaded organization: choose another one, or, if {old} should take its place, run"
            f" meterhouse purge --organization {new} first"
        )
    # Grants outlive a purge, and a team must not inherit what was another organization's.
    rows = connection.execute("SELECT DISTINCT role_name FROM ops.team_access WHERE organization = %s ORDER BY 1", (new,)).fetchall()
    if rows:
        raise FixConfiguration(
            f"{', '.join(str(row[0]) for row in rows)} may see what is called {new}, from a time when that was another organization: run"
            f" meterhouse grant-team {rows[0][0]} --revoke --organization {new} first"
        )


def _key_words(label: str, vendor: Vendor) -> str:
    """Say where the organization's key belongs from now on; a variable's name has no hyphen."""
    connection = vendor.airflow_connection if label == DEFAULT_LABEL else f"{vendor.airflow_connection}_{label}"
    variable = vendor.variable_of(label, DEFAULT_LABEL)
    return f"its key belongs in {'' if '-' in label else f'{variable}, or '}Airflow's connection {connection}, from now on"
