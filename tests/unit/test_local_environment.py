"""What the local Airflow gets to see of the caller's environment, and of the stack's secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meterhouse.admin_keys import AdminKey, Organization
from meterhouse.local.airflow_environment import airflow_environment, connection_variable, postgres_connection, with_driver
from meterhouse.local.secrets_file import Secrets

KEY = "sk-admin-canary-0123456789abcdef"
OUTER = {
    "PATH": "/usr/bin",
    "HOME": "/home/someone",
    "LANG": "C.UTF-8",
    "OPENAI_ADMIN_KEY": KEY,
    "OPENAI_ADMIN_KEY_RESEARCH": KEY + "2",
    "WAREHOUSE_URL": "postgresql://owner:topsecret@db/w",
    "METERHOUSE_MIGRATE_URL": "postgresql://owner:topsecret@db/w",
    "METERHOUSE_AIRFLOW_DB_URL": "postgresql://airflow:topsecret@db/a",
    "METERHOUSE_FAKE_API_KEY": "sk-admin-demo-key-of-the-stand-in",
    "METERHOUSE_HTTP_RETRIES": "7",
    "AWS_SECRET_ACCESS_KEY": "topsecret",
    "HTTPS_PROXY": "http://proxy.example",
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
}


def build(*organizations: Organization) -> dict[str, str]:
    return airflow_environment(
        outer=OUTER,
        home=Path("/state"),
        dags=Path("/checkout/dags"),
        executables=Path("/venv/bin"),
        port=18080,
        database_url="postgresql://airflow:pw@127.0.0.1:5/airflow",
        warehouse_url="postgresql://meterhouse_loader:p%40w@127.0.0.1:5/meterhouse",
        organizations=organizations,
        secrets=Secrets(),
    )


def organization(label: str) -> Organization:
    return Organization(label, AdminKey(KEY), "https://api.example/v1")


def test_nothing_of_the_callers_secrets_gets_through() -> None:
    environment = build()
    text = json.dumps(environment)
    assert KEY not in text
    assert "topsecret" not in text
    assert "stand-in" not in text
    assert not [name for name in environment if name.startswith("OPENAI_ADMIN_KEY") or "PROXY" in name]
    assert "WAREHOUSE_URL" not in environment


def test_the_key_is_the_password_of_one_connection_and_nowhere_else() -> None:
    environment = build(organization("default"))
    assert [name for name, value in environment.items() if KEY in value] == ["AIRFLOW_CONN_OPENAI_ADMIN"]
    assert json.loads(environment["AIRFLOW_CONN_OPENAI_ADMIN"]) == {
        "conn_type": "http",
        "host": "https://api.example/v1",
        "password": KEY,
        "extra": {"organization": "default"},
    }


@pytest.mark.parametrize(
    ("label", "variable"),
    [
        ("default", "AIRFLOW_CONN_OPENAI_ADMIN"),
        ("demo", "AIRFLOW_CONN_OPENAI_ADMIN"),
        ("research", "AIRFLOW_CONN_OPENAI_ADMIN_RESEARCH"),
    ],
)
def test_each_organization_has_a_connection(label: str, variable: str) -> None:
    assert connection_variable(organization(label)) == variable
    assert json.loads(build(organization(label))[variable])["extra"] == {"organization": label}


def test_other_settings_pass_and_foreign_airflow_settings_do_not() -> None:
    environment = build()
    assert environment["METERHOUSE_HTTP_RETRIES"] == "7"
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert environment["PATH"] == "/venv/bin:/usr/bin"


def test_every_address_is_the_loopback_with_the_chosen_port() -> None:
    environment = build()
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:18080/execution/"
    assert "0.0.0.0" not in json.dumps(environment)


def test_a_url_becomes_a_connection_with_its_quoting_undone() -> None:
    assert json.loads(postgres_connection("postgresql://u%40x:p%2Fw@host:6543/db?sslmode=verify-full")) == {
        "conn_type": "postgres",
        "host": "host",
        "login": "u@x",
        "password": "p/w",
        "port": 6543,
        "schema": "db",
        "extra": {"sslmode": "verify-full"},
    }


def test_the_driver_is_named() -> None:
    assert with_driver("postgresql://u:p@h/d", "psycopg2") == "postgresql+psycopg2://u:p@h/d"
