"""Settings from Airflow's connections: the warehouse and the organizations' keys, each read when a task runs."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowSecretsBackendAccessDenied

from meterhouse.labels import DEFAULT_LABEL
from meterhouse.settings import Settings, load_settings, organization_of

WAREHOUSE_CONNECTION = "warehouse"
ADMIN_CONNECTION = "openai_admin"


def task_settings() -> Settings:
    """Return the settings of this worker, with the warehouse and the organizations taken from Airflow's connections where they exist.

    `warehouse` holds the database; `openai_admin` and `openai_admin_<label>` hold an organization each: the key as password, the API's
    address as host, and optionally its label as `organization` in extra.
    """
    environment = dict(os.environ)
    warehouse = connection(WAREHOUSE_CONNECTION)
    if warehouse is not None:
        environment["WAREHOUSE_URL"] = _postgres_url(warehouse)
    settings = load_settings(environment)
    found = {organization.label: organization for organization in settings.organizations}
    labels = {
        name.removeprefix("AIRFLOW_CONN_OPENAI_ADMIN_").lower() for name in environment if name.startswith("AIRFLOW_CONN_OPENAI_ADMIN_")
    }
    for label in ("", *sorted(labels | set(settings.airflow_organizations))):
        found_connection = connection(f"{ADMIN_CONNECTION}_{label}" if label else ADMIN_CONNECTION)
        if found_connection is not None:
            name = found_connection.extra_dejson.get("organization") or label or DEFAULT_LABEL
            found[name] = organization_of(
                name,
                found_connection.password or "",
                found_connection.host or settings.base_url,
                named=f"the connection {found_connection.conn_id}",
            )
    return replace(settings, organizations=tuple(found.values()))


def warehouse_url() -> str:
    """Return the warehouse's address and nothing else, so that no other setting can stand in the way."""
    warehouse = connection(WAREHOUSE_CONNECTION)
    if warehouse is not None:
        return _postgres_url(warehouse)
    known = {name: os.environ[name] for name in ("WAREHOUSE_URL", "METERHOUSE_HOME") if name in os.environ}
    return load_settings(known).require_warehouse()


def _postgres_url(connection: Any) -> str:
    """Return a connection as a URL; text and numbers in its extra, such as sslmode, become parameters."""
    login = ":".join(quote(part, safe="") for part in (connection.login, connection.password) if part)
    address = f"{connection.host}:{connection.port or 5432}/{quote(connection.schema or '', safe='')}"
    options = {name: value for name, value in connection.extra_dejson.items() if isinstance(value, str | int)}
    return f"postgresql://{login}@{address}" + (f"?{urlencode(options)}" if options else "")


def connection(name: str) -> Any:
    """Return one of Airflow's connections; None when there is none of that name."""
    try:
        return BaseHook.get_connection(name)
    # A deadline's callback may read connections of its environment alone, and is refused all others.
    except (AirflowNotFoundException, AirflowSecretsBackendAccessDenied):
        return None
