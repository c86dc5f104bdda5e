"""Settings from Airflow's connections: the warehouse and the organizations' keys, each read when a task runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowSecretsBackendAccessDenied

from meterhouse.admin_keys import Organization, organization_of
from meterhouse.catalogue.vendors import VENDORS, Vendor
from meterhouse.labels import DEFAULT_LABEL
from meterhouse.settings import Settings, load_settings

WAREHOUSE_CONNECTION = "warehouse"


def task_settings() -> Settings:
    """Return the settings of this worker, with the warehouse and the organizations taken from Airflow's connections where they exist.

    `warehouse` holds the database; `openai_admin` and `openai_admin_<label>` hold an organization each: the key as password, the API's
    address as host, and optionally its label as `organization` in extra. Another vendor's begin with its name.
    """
    environment = dict(os.environ)
    warehouse = connection(WAREHOUSE_CONNECTION)
    if warehouse is not None:
        environment["WAREHOUSE_URL"] = _postgres_url(warehouse)
    settings = load_settings(environment)
    found = {organization.label: organization for organization in settings.organizations}
    for vendor in VENDORS.values():
        found |= {organization.label: organization for organization in _organizations(vendor, settings, environment)}
    return replace(settings, organizations=tuple(found.values()))


def _organizations(vendor: Vendor, settings: Settings, environment: Mapping[str, str]) -> Iterator[Organization]:
    """Yield the organizations of one vendor whose keys Airflow holds."""
    prefix = f"AIRFLOW_CONN_{vendor.airflow_connection.upper()}_"
    labels = {name.removeprefix(prefix).lower() for name in environment if name.startswith(prefix)}
    for label in ("", *sorted(labels | set(settings.airflow_organizations))):
        found = connection(f"{vendor.airflow_connection}_{label}" if label else vendor.airflow_connection)
        if found is not None:
            name = found.extra_dejson.get("organization") or label or DEFAULT_LABEL
            host = found.host or settings.base_urls[vendor.name]
            yield organization_of(name, found.password or "", host, named=f"the connection {found.conn_id}", vendor=vendor)


def warehouse_url() -> str:
    """Return the warehouse's address and nothing else, so that no other setting can get in the way."""
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
    # A deadline's callback may read only connections from its environment, and is refused all others.
    except (AirflowNotFoundException, AirflowSecretsBackendAccessDenied):
        return None
