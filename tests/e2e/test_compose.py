"""docker-compose.yml cannot be run where the tests run, so this proves what can be read from it: every reference, variable and
option resolves, every secret reaches only who needs it, and the `.env` that is written for it fills it in completely.
"""

from __future__ import annotations

import importlib.util
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from meterhouse.local.compose_env import values_of
from meterhouse.settings import Settings, load_settings

from .compose_file import COMPOSE, DOCKERFILE, EXAMPLE, ROOT, SERVICES, TEXT, VARIABLE, filled

ONE_SHOT = {"migrate", "airflow-migrate"}
STAYING = sorted(set(SERVICES) - ONE_SHOT)
SECRET = re.compile(r"PASSWORD|KEY|SECRET|TOKEN")
# Who may hold what: a password that turns up anywhere else is a mistake.
HOLDERS = {
    "OPENAI_ADMIN_KEY": {"airflow-worker"},
    "METERHOUSE_DB_ADMIN_PASSWORD": {"postgres", "migrate"},
    "METERHOUSE_LOADER_PASSWORD": {"migrate", "airflow-worker"},
    "METERHOUSE_READER_PASSWORD": {"migrate", "metabase-provision", "dashboard"},
    "METERHOUSE_DASHBOARD_TOKEN": {"dashboard"},
    "METERHOUSE_AIRFLOW_DB_PASSWORD": {
        "migrate",
        "airflow-migrate",
        "airflow-api-server",
        "airflow-scheduler",
        "airflow-dag-processor",
        "airflow-triggerer",
    },
    "METERHOUSE_METABASE_DB_PASSWORD": {"migrate", "metabase"},
    "METERHOUSE_METABASE_PASSWORD": {"metabase-provision"},
    "METERHOUSE_AIRFLOW_ADMIN_PASSWORD": {"migrate"},
    "METERHOUSE_REDIS_PASSWORD": {"redis", "airflow-scheduler", "airflow-worker"},
    "AIRFLOW_FERNET_KEY": {"airflow-migrate", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"},
    "AIRFLOW_JWT_SECRET": {"airflow-api-server", "airflow-scheduler"},
    "AIRFLOW_API_SECRET": {"airflow-api-server"},
    "METABASE_ENCRYPTION_KEY": {"metabase"},
    # A connection may hold a token or a password.
    "AIRFLOW_CONN_METERHOUSE_ALERTS": {"airflow-worker"},
    "AIRFLOW_CONN_METERHOUSE_ALERTS_MAIL": {"airflow-worker"},
    "AIRFLOW_CONN_METERHOUSE_REPORT_MAIL": {"airflow-worker"},
}
# The Celery provider is not in the tests' environment; where it is, the options are compared with its own.
CELERY_OPTIONS = {
    ("celery", "broker_url"),
    ("celery", "result_backend"),
    ("celery", "worker_concurrency"),
    ("celery_broker_transport_options", "visibility_timeout"),
}


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_depends_on_exists_and_can_become_so(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert how["condition"] == "service_completed_successfully"
            assert other in ONE_SHOT


def needs(name: str, above: tuple[str, ...] = ()) -> set[str]:
    """Every service that must be there first."""
    assert name not in above, f"{' -> '.join(above)} is a circle"
    direct = set(SERVICES[name].get("depends_on", {}))
    return direct.union(*(needs(other, (*above, name)) for other in direct)) if direct else direct


def test_the_order_is_server_then_tables_then_the_api_then_those_who_call_it() -> None:
    assert needs("migrate") == {"postgres"}
    assert needs("airflow-migrate") == {"postgres", "migrate"}
    assert needs("metabase") == {"postgres", "migrate"}
    assert needs("dashboard") == {"postgres", "migrate"}
    assert needs("metabase-provision") == {"postgres", "migrate", "metabase"}
    for name in ("airflow-scheduler", "airflow-worker"):
        assert needs(name) == {"postgres", "redis", "migrate", "airflow-migrate", "airflow-api-server"}
    for name in ("airflow-api-server", "airflow-dag-processor", "airflow-triggerer"):
        assert "airflow-migrate" in needs(name)


def test_a_job_that_ends_is_waited_for_by_somebody_so_that_up_wait_does_not_call_it_a_failure() -> None:
    awaited = {
        other
        for service in SERVICES.values()
        for other, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    assert awaited == ONE_SHOT


@pytest.mark.parametrize("name", SERVICES)
def test_volumes_and_networks_are_declared(name: str) -> None:
    service = SERVICES[name]
    assert {volume.split(":")[0] for volume in service.get("volumes", [])} <= set(COMPOSE["volumes"])
    assert service["networks"]
    assert set(service["networks"]) <= set(COMPOSE["networks"])


def test_every_volume_and_network_is_used() -> None:
    assert {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])} == set(COMPOSE["volumes"])
    assert {network for service in SERVICES.values() for network in service["networks"]} == set(COMPOSE["networks"])


def hosts(name: str) -> set[str]:
    """The other services that a service's variables, health check and command name."""
    said = json.dumps([SERVICES[name].get(part) for part in ("environment", "healthcheck", "command")])
    return {other for other in SERVICES if re.search(rf'(//|@|"){other}(:\d|\\?")', said)} - {name}


@pytest.mark.parametrize("name", SERVICES)
def test_services_that_talk_share_a_network(name: str) -> None:
    for other in hosts(name):
        assert set(SERVICES[name]["networks"]) & set(SERVICES[other]["networks"]), other


def test_that_proof_sees_who_talks_to_whom() -> None:
    assert hosts("airflow-worker") == {"postgres", "redis", "airflow-api-server"}
    assert hosts("metabase") == {"postgres"}
    assert hosts("metabase-provision") == {"postgres", "metabase"}
    assert hosts("migrate") == {"postgres"}
    assert hosts("airflow-triggerer") == {"postgres", "airflow-api-server"}


def test_the_queue_is_reached_by_those_who_use_it_and_from_nowhere_else() -> None:
    assert {name for name, service in SERVICES.items() if "queue" in service["networks"]} == {
        "redis",
        "airflow-scheduler",
        "airflow-worker",
    }
    assert SERVICES["redis"]["networks"] == ["queue"]
    assert COMPOSE["networks"]["queue"]["internal"] is True
    assert "ports" not in SERVICES["redis"]


def test_ports_are_published_only_on_the_loopback_and_differ() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 4
    assert all(port.startswith("127.0.0.1:${METERHOUSE_") for port in ports)
    example = values_of(EXAMPLE)
    assert len({example[VARIABLE.findall(port)[0][0]] for port in ports}) == 4


@pytest.mark.parametrize("name", STAYING)
def test_what_stays_up_is_watched_and_started_again(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(ONE_SHOT))
def test_one_shot_jobs_are_not_started_again(name: str) -> None:
    assert SERVICES[name]["restart"] == "no"


@pytest.mark.parametrize("name", SERVICES)
def test_nobody_is_root_or_can_become_so_or_take_the_whole_machine(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] not in {"root", "0", "0:0"}
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["logging"]["options"]["max-size"]
    assert not {"privileged", "network_mode", "pid"} & set(service)


def test_a_stopped_worker_has_time_for_a_page_with_all_its_retries() -> None:
    settings = Settings()
    found = re.fullmatch(r"(\d+)m", SERVICES["airflow-worker"]["stop_grace_period"])
    assert found is not None
    assert timedelta(minutes=int(found[1])) >= timedelta(seconds=settings.http_timeout_seconds * (settings.retries + 1))


def test_a_message_is_not_delivered_twice_while_its_task_may_still_run() -> None:
    hours = [
        int(found)
        for path in (ROOT / "dags").glob("*.py")
        for found in re.findall(r"execution_timeout=timedelta\(hours=(\d+)\)", path.read_text())
    ]
    seconds = int(SERVICES["airflow-worker"]["environment"]["AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"])
    assert hours
    assert timedelta(seconds=seconds) > timedelta(hours=max(hours))


def test_workers_can_be_many() -> None:
    worker = SERVICES["airflow-worker"]
    assert values_of(EXAMPLE)["METERHOUSE_WORKERS"] == "2"
    assert worker["deploy"]["replicas"] == "${METERHOUSE_WORKERS:-2}"
    assert not {"container_name", "hostname", "ports"} & set(worker)


def test_every_variable_is_in_the_example_and_the_example_holds_no_other() -> None:
    assert {name for name, _, _ in VARIABLE.findall(TEXT)} == set(values_of(EXAMPLE))


def test_defaults_in_the_file_are_those_of_the_example() -> None:
    example = values_of(EXAMPLE)
    defaults = {name: default for name, how, default in VARIABLE.findall(TEXT) if how == "-"}
    assert defaults == {name: example[name] for name in defaults}


def test_secrets_have_no_default() -> None:
    uses = [(name, how) for name, how, _ in VARIABLE.findall(TEXT) if SECRET.search(name)]
    assert len(uses) > 12
    assert {how for _, how in uses} == {"?"}
    assert all(not value for name, value in values_of(EXAMPLE).items() if SECRET.search(name))


def test_every_secret_reaches_who_needs_it_and_nobody_else() -> None:
    example = values_of(EXAMPLE)
    assert {name for name in example if SECRET.search(name) or name.startswith("AIRFLOW_CONN_")} == set(HOLDERS)
    for variable, holders in HOLDERS.items():
        assert {name for name, service in SERVICES.items() if f"${{{variable}:" in json.dumps(service)} == holders, variable


def test_no_password_is_on_a_command_line() -> None:
    for name, service in SERVICES.items():
        said = json.dumps([service.get("command"), service.get("healthcheck")])
        assert not [variable for variable in HOLDERS if f"${{{variable}" in said], name


def test_the_file_of_the_uis_passwords_reaches_the_job_that_writes_it_and_the_server_that_reads_it() -> None:
    holders = {
        name for name, service in SERVICES.items() if any(volume.startswith("airflow-auth:") for volume in service.get("volumes", []))
    }
    assert holders == {"migrate", "airflow-api-server"}
    path = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
    assert len({SERVICES[name]["environment"][path] for name in holders}) == 1
    assert SERVICES["migrate"]["environment"][path].startswith(SERVICES["migrate"]["volumes"][0].split(":")[1] + "/")


def test_reports_are_off_until_asked_for_and_their_folder_is_a_volume_that_the_workers_may_write_to(
    generated: dict[str, str],
) -> None:
    volumes = {name: dict(volume.split(":") for volume in service.get("volumes", [])) for name, service in SERVICES.items()}
    assert {name for name, mounted in volumes.items() if "reports" in mounted} == {"airflow-worker"}
    folder = volumes["airflow-worker"]["reports"]
    assert re.search(rf"install --directory --owner airflow .*{folder}$", DOCKERFILE, re.MULTILINE)
    for text in (EXAMPLE, (ROOT / "docs" / "scale-out.md").read_text()):
        assert folder in text
    for chosen, expected in (("", None), (folder, Path(folder))):
        wanted = {"METERHOUSE_WEEKLY_REPORT_DIR": chosen, "METERHOUSE_MONTHLY_REPORT_DIR": chosen}
        environment = filled(generated | wanted)["airflow-worker"]["environment"]
        settings = load_settings({name: environment[name] for name in wanted})
        assert (settings.weekly_report_dir, settings.monthly_report_dir) == (expected, expected)


def test_the_generated_file_leaves_no_variable_without_a_value(generated: dict[str, str]) -> None:
    services = filled(generated)
    # What is left is a variable of a container's own shell.
    assert set(re.findall(r"\$\{?([A-Za-z_]+)", json.dumps(services))) == {"REDIS_PASSWORD"}
    assert services["airflow-worker"]["deploy"]["replicas"] == "2"


def test_that_proof_can_fail(generated: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match="OPENAI_ADMIN_KEY"):
        filled(generated | {"OPENAI_ADMIN_KEY": ""})


def test_connections_are_json_once_the_variables_are_filled_in(generated: dict[str, str]) -> None:
    environment = filled(generated)["airflow-worker"]["environment"]
    warehouse = json.loads(environment["AIRFLOW_CONN_WAREHOUSE"])
    assert (warehouse["conn_type"], warehouse["login"], warehouse["password"]) == (
        "postgres",
        "meterhouse_loader",
        generated["METERHOUSE_LOADER_PASSWORD"],
    )
    openai = json.loads(environment["AIRFLOW_CONN_OPENAI_ADMIN"])
    assert (openai["host"], openai["password"]) == ("https://api.openai.com/v1", "sk-admin-of-a-test-0123456789")


def test_alerts_that_nobody_has_set_are_no_connection_to_airflow(generated: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from meterhouse.orchestration.connections import connection  # noqa: PLC0415 - Airflow is imported with it

    environment = filled(generated)["airflow-worker"]["environment"]
    for name in ("meterhouse_alerts", "meterhouse_alerts_mail"):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", environment[f"AIRFLOW_CONN_{name.upper()}"])
        assert environment[f"AIRFLOW_CONN_{name.upper()}"] == ""
        assert connection(name) is None


def test_the_alerts_of_the_documentation_are_connections_to_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    from meterhouse.orchestration.connections import connection  # noqa: PLC0415 - as above

    lines = values_of((ROOT / "docs" / "scale-out.md").read_text())
    found = {}
    for name in ("meterhouse_alerts", "meterhouse_alerts_mail"):
        value = lines[f"AIRFLOW_CONN_{name.upper()}"]
        assert value[0] == value[-1] == "'"
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", value[1:-1])
        found[name] = connection(name)
    assert found["meterhouse_alerts"].conn_type == "apprise"
    assert set(found["meterhouse_alerts"].extra_dejson) == {"config"}
    assert found["meterhouse_alerts_mail"].conn_type == "smtp"
    assert found["meterhouse_alerts_mail"].extra_dejson["to"]


def airflow_options() -> set[tuple[str, str]]:
    """Every option that compose sets for Airflow."""
    names = {name for service in SERVICES.values() for name in service.get("environment", {})}
    return {(found[1].lower(), found[2].lower()) for name in names if (found := re.fullmatch(r"AIRFLOW__([A-Z_]+?)__([A-Z_]+)", name))}


def known_options() -> set[tuple[str, str]]:
    """Every option that the installed Airflow and its providers describe."""
    from airflow.configuration import conf  # noqa: PLC0415 - only these tests need it

    return {(section, option) for section, described in conf.configuration_description.items() for option in described["options"]}


def test_every_airflow_option_is_one_that_airflow_knows() -> None:
    options = airflow_options()
    assert len(options) > 15
    known = known_options()
    assert ("core", "executor") in known
    if importlib.util.find_spec("airflow.providers.celery") is None:
        known |= CELERY_OPTIONS
    assert options <= known
    assert {option for option in options if option[0].startswith("celery")} == CELERY_OPTIONS


def test_the_documentation_names_every_service() -> None:
    named = set(re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs" / "scale-out.md").read_text(), re.MULTILINE))
    assert named == set(SERVICES)
