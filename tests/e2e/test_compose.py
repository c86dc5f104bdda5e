"""docker-compose.yml cannot be run where the tests run, so this proves what can be read from it: every reference resolves."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
VARIABLE = re.compile(r"\$\{([A-Z_]+)(:[-?][^}]*)?\}")
ONE_SHOT = {"migrate", "airflow-migrate"}


def example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_depends_on_exists_and_can_become_so(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert how["condition"] == "service_completed_successfully"
            assert other in ONE_SHOT


@pytest.mark.parametrize("name", SERVICES)
def test_volumes_and_networks_are_declared(name: str) -> None:
    service = SERVICES[name]
    assert {volume.split(":")[0] for volume in service.get("volumes", [])} <= set(COMPOSE["volumes"])
    assert service["networks"]
    assert set(service["networks"]) <= set(COMPOSE["networks"])


def test_services_that_talk_share_a_network() -> None:
    for name, other in [
        ("airflow-scheduler", "airflow-api-server"),
        ("airflow-dag-processor", "airflow-api-server"),
        ("airflow-scheduler", "postgres"),
        ("migrate", "postgres"),
    ]:
        assert set(SERVICES[name]["networks"]) & set(SERVICES[other]["networks"])


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_the_loopback_alone(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].partition(":")
    assert re.match(r"\d+\.\d+", tag)


def test_the_dockerfile_pins_its_base_drops_root_and_checks_hashes() -> None:
    text = (ROOT / "Dockerfile").read_text()
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert bases
    assert all(re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base) for base in bases)
    assert "--require-hashes" in text
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE)[-1] == "airflow"


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOT))
def test_what_stays_up_is_watched_and_started_again(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(ONE_SHOT))
def test_one_shot_jobs_are_not_started_again(name: str) -> None:
    assert SERVICES[name]["restart"] == "no"


def test_every_variable_is_in_the_example_and_the_example_holds_no_other() -> None:
    assert {name for name, _ in VARIABLE.findall(TEXT)} == set(example())


def test_secrets_have_no_default() -> None:
    secret = re.compile(r"PASSWORD|KEY|SECRET")
    uses = [(name, default) for name, default in VARIABLE.findall(TEXT) if secret.search(name)]
    assert len(uses) > 8
    assert all(default.startswith(":?") for _, default in uses)
    assert all(not value for name, value in example().items() if secret.search(name))


def test_connections_are_json_once_the_variables_are_filled_in() -> None:
    environment = SERVICES["airflow-scheduler"]["environment"]
    for name in ("AIRFLOW_CONN_WAREHOUSE", "AIRFLOW_CONN_OPENAI_ADMIN"):
        connection = json.loads(VARIABLE.sub("filled-in", environment[name]))
        assert connection["password"] == "filled-in"


def test_the_admin_key_reaches_the_container_that_runs_tasks_and_no_other() -> None:
    holders = {name for name, service in SERVICES.items() if "OPENAI_ADMIN_KEY" in json.dumps(service)}
    assert holders == {"airflow-scheduler"}
    owners = {name for name, service in SERVICES.items() if "DB_ADMIN_PASSWORD" in json.dumps(service)}
    assert owners == {"postgres", "migrate"}
