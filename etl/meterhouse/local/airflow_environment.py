"""The environment of the local Airflow, made from the settings: pure, so that a test can show what is in it and what is not.

Only what is listed here reaches Airflow: a task prints its environment easily, and the caller's may hold other secrets.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from meterhouse.admin_keys import Organization
from meterhouse.labels import DEFAULT_LABEL, DEMO_LABEL
from meterhouse.local.secrets_file import AIRFLOW_ADMIN, Secrets
from meterhouse.orchestration.pool import POOL_SLOTS
from meterhouse.ports import LOOPBACK
from meterhouse.settings import describe_settings

# No proxy variables: Airflow's own calls stay on this machine, and the vendor's client reads none.
PASSED_ON = (
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "SSL_CERT_FILE",
    # Where alerts go, for who sets it outside of Airflow.
    "AIRFLOW_CONN_METERHOUSE_ALERTS",
    "AIRFLOW_CONN_METERHOUSE_ALERTS_MAIL",
    # And where the weekly report goes.
    "AIRFLOW_CONN_METERHOUSE_REPORT_MAIL",
)
# Addresses of an owner or of Airflow's own database, and the stand-in's key: no task needs them as settings.
HELD_BACK = ("METERHOUSE_MIGRATE_URL", "METERHOUSE_AIRFLOW_DB_URL", "METERHOUSE_FAKE_API_KEY")
WAREHOUSE_CONNECTION = "warehouse"
# Two more than the pool has slots: what calls no vendor, such as an alert of a late run, must not wait behind what does.
PARALLEL_TASKS = POOL_SLOTS + 2


def airflow_environment(
    *,
    outer: Mapping[str, str],
    home: Path,
    dags: Path,
    executables: Path,
    port: int,
    database_url: str,
    warehouse_url: str,
    organizations: tuple[Organization, ...],
    secrets: Secrets,
) -> dict[str, str]:
    """Return every environment variable of the Airflow processes."""
    address = f"http://{LOOPBACK}:{port}"
    environment = {name: outer[name] for name in PASSED_ON if name in outer}
    declared = {variable for variable, _, _ in describe_settings()} - set(HELD_BACK)
    environment |= {name: value for name, value in outer.items() if name.startswith("METERHOUSE_") and name in declared}
    environment |= {
        "HOME": outer.get("HOME", str(home)),
        # Airflow and its tasks call `airflow` by name.
        "PATH": os.pathsep.join([str(executables), outer.get("PATH", os.defpath)]),
        "METERHOUSE_HOME": str(home),
        "PYTHONUNBUFFERED": "1",
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(PARALLEL_TASKS),
        "AIRFLOW__CORE__FERNET_KEY": secrets.airflow_fernet_key,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{AIRFLOW_ADMIN}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "airflow-passwords.json"),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # Tasks must know the port too if it is not 8080.
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__SECRET_KEY": secrets.airflow_api_secret,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.airflow_jwt_secret,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": with_driver(database_url, "psycopg2"),
        # With 5, the default, a slot stays taken for up to 5 s after a task of 0.1 s.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # A task that was killed with its scheduler runs again within half a minute of the next start, not after five.
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
        # The scheduler is up before the api-server: a task that waits a minute for it is not a failed task.
        "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "20",
        "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "4",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs" / "tasks"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(home / "logs" / "dag-files"),
        # Nothing is sent anywhere.
        "SCARF_ANALYTICS": "false",
        f"AIRFLOW_CONN_{WAREHOUSE_CONNECTION.upper()}": postgres_connection(warehouse_url),
    }
    for organization in organizations:
        environment[connection_variable(organization)] = openai_connection(organization)
    return environment


def with_driver(url: str, driver: str) -> str:
    """Return a PostgreSQL URL that names its driver, because a bare one means another driver to every SQLAlchemy."""
    return f"postgresql+{driver}://{url.split('://', 1)[1]}"


def connection_variable(organization: Organization) -> str:
    """Return the variable of the organization's Airflow connection: `openai_admin`, or `openai_admin_<label>`."""
    label = organization.label
    suffix = "" if label in {DEFAULT_LABEL, DEMO_LABEL} else f"_{label.upper()}"
    return f"AIRFLOW_CONN_{organization.vendor.airflow_connection.upper()}{suffix}"


def openai_connection(organization: Organization) -> str:
    """Return the organization's Airflow connection; the key is its password, which Airflow masks."""
    return json.dumps(
        {
            "conn_type": "http",
            "host": organization.base_url,
            "password": organization.admin_key.reveal(),
            "extra": {"organization": organization.label},
        }
    )


def postgres_connection(url: str) -> str:
    """Return a PostgreSQL URL as an Airflow connection, which holds the password as such and so masks it."""
    parts = urlsplit(url)
    connection: dict[str, Any] = {
        "conn_type": "postgres",
        "host": unquote(parts.hostname or ""),
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "port": parts.port or 5432,
        "schema": unquote(parts.path.lstrip("/")),
    }
    if extra := dict(parse_qsl(parts.query)):
        connection["extra"] = extra
    return json.dumps(connection)
