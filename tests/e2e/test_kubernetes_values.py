"""deploy/kubernetes cannot be tried without a cluster: this proves what can be read from it: keys, options, commands, secrets, versions."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from meterhouse import __version__
from meterhouse.command_line.command_words import parser
from meterhouse.orchestration.pool import POOL, POOL_DESCRIPTION, POOL_SLOTS
from meterhouse.settings import load_settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
TEXT = (FOLDER / "values.yaml").read_text()
VALUES: dict[str, Any] = yaml.safe_load(TEXT)
JOB: dict[str, Any] = yaml.safe_load((FOLDER / "migrate-job.yaml").read_text())
README = (FOLDER / "README.md").read_text()
VERSION = __version__
CHART = "1.22.0"
PROBE = {"initialDelaySeconds", "timeoutSeconds", "failureThreshold", "periodSeconds"}
# The keys of the chart that were looked up, two levels deep; one that is not in here was not.
LOOKED_UP: dict[str, set[str]] = {
    "airflowVersion": set(),
    "images": {"airflow", "pod_template", "migrationsWaitTimeout"},
    "airflowHome": set(),
    "uid": set(),
    "gid": set(),
    "executor": set(),
    "airflowLocalSettings": set(),
    "postgresql": {"enabled"},
    "redis": {"enabled"},
    "pgbouncer": {"enabled"},
    "statsd": {"enabled"},
    "flower": {"enabled"},
    "data": {"metadataSecretName"},
    "fernetKeySecretName": set(),
    "apiSecretKeySecretName": set(),
    "jwtSecretName": set(),
    "enableBuiltInSecretEnvVars": {"AIRFLOW_CONN_AIRFLOW_DB"},
    "config": {"core", "workers", "kubernetes_executor"},
    "securityContexts": {"pod", "containers"},
    "workers": {"celery", "kubernetes"},
    "scheduler": {"env", "terminationGracePeriodSeconds", "resources", "livenessProbe", "startupProbe", "logGroomerSidecar"},
    "dagProcessor": {"resources", "livenessProbe", "logGroomerSidecar"},
    "triggerer": {"persistence", "resources", "livenessProbe", "logGroomerSidecar"},
    "apiServer": {
        "args",
        "extraVolumes",
        "extraVolumeMounts",
        "service",
        "resources",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
    },
    "createUserJob": {"enabled"},
    "migrateDatabaseJob": {"args", "resources"},
    "dags": {"persistence", "gitSync"},
    "logs": {"persistence"},
    "cleanup": {"enabled", "schedule", "resources"},
}
# The provider is not in the tests' environment.
KUBERNETES_OPTIONS = {"delete_worker_pods", "delete_worker_pods_on_failure"}


def test_every_key_is_one_of_the_charts_that_was_looked_up() -> None:
    assert set(VALUES) == set(LOOKED_UP)
    for section, keys in LOOKED_UP.items():
        if keys:
            assert set(VALUES[section]) == keys, section
    assert set(VALUES["workers"]["kubernetes"]) == {"terminationGracePeriodSeconds", "resources", "env"}
    assert VALUES["workers"]["celery"] == {"persistence": {"enabled": False}}
    probes = [
        (section, name) for section in VALUES for name in (VALUES[section] if isinstance(VALUES[section], dict) else {}) if "Probe" in name
    ]
    assert len(probes) == 7
    for section, name in probes:
        assert set(VALUES[section][name]) <= PROBE | ({"scheme"} if section == "apiServer" else {"command"})


def test_images_are_ours_and_of_this_version() -> None:
    for name in ("airflow", "pod_template"):
        assert (VALUES["images"][name]["repository"], VALUES["images"][name]["tag"]) == ("meterhouse", VERSION)
    assert JOB["spec"]["template"]["spec"]["containers"][0]["image"] == f"meterhouse:{VERSION}"
    assert JOB["metadata"]["labels"]["app.kubernetes.io/version"] == VERSION


def test_the_airflow_version_in_the_chart_values_is_the_locked_one() -> None:
    assert f"\napache-airflow=={VALUES['airflowVersion']} " in f"\n{(ROOT / 'requirements.txt').read_text()}"


def test_the_image_has_the_executors_provider() -> None:
    lock = (FOLDER / "requirements.txt").read_text()
    assert re.search(r"^apache-airflow-providers-cncf-kubernetes==\S+ ", lock, re.MULTILINE)
    pins = re.findall(r"^[a-z0-9][^\s=]*==\S+", lock, re.MULTILINE)
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", lock)) >= len(pins) > 30
    assert not re.search(r"https?:|index-url|find-links", lock)


def test_paths_are_those_of_the_image() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f"AIRFLOW_HOME={VALUES['airflowHome']} " in dockerfile
    assert f"AIRFLOW__CORE__DAGS_FOLDER={VALUES['config']['core']['dags_folder']} " in dockerfile
    assert f"--uid {VALUES['uid']} --gid {VALUES['gid']} " in dockerfile


def test_tasks_are_pods_and_callbacks_run_on_an_executor_that_can() -> None:
    from airflow.executors.base_executor import BaseExecutor  # noqa: PLC0415 - only this test needs Airflow
    from airflow.executors.local_executor import LocalExecutor  # noqa: PLC0415

    assert VALUES["executor"].split(",") == ["LocalExecutor", "KubernetesExecutor"]
    assert LocalExecutor.supports_callbacks
    assert not BaseExecutor.supports_callbacks
    policy: dict[str, Any] = {}
    exec(VALUES["airflowLocalSettings"], policy)  # noqa: S102 - as Airflow does with it
    task = SimpleNamespace(executor=None)
    policy["task_policy"](task)
    assert task.executor == "KubernetesExecutor"


def test_every_option_is_one_that_airflow_knows_and_a_text() -> None:
    from airflow.configuration import conf  # noqa: PLC0415 - only this test needs it

    known = {section: set(described["options"]) for section, described in conf.configuration_description.items()}
    known.setdefault("kubernetes_executor", KUBERNETES_OPTIONS)
    for section, options in VALUES["config"].items():
        assert set(options) <= known[section], section
        assert all(isinstance(value, str) for value in options.values())


def test_the_auth_manager_exists_and_reads_the_file_that_the_server_copies() -> None:
    from airflow.sdk.module_loading import import_string  # noqa: PLC0415 - only this test needs it

    core = VALUES["config"]["core"]
    assert import_string(core["auth_manager"])
    assert f"cp /run/secrets/meterhouse/passwords.json {core['simple_auth_manager_passwords_file']}" in VALUES["apiServer"]["args"][2]
    mounts = {mount["mountPath"]: mount["name"] for mount in VALUES["apiServer"]["extraVolumeMounts"]}
    volumes = {volume["name"] for volume in VALUES["apiServer"]["extraVolumes"]}
    assert mounts == {
        "/run/secrets/meterhouse": "airflow-users",
        str(Path(core["simple_auth_manager_passwords_file"]).parent): "airflow-auth",
    }
    assert set(mounts.values()) == volumes


def shell_commands() -> list[list[str]]:
    """The Airflow commands inside of every shell command."""
    shells = [VALUES["apiServer"]["args"], VALUES["migrateDatabaseJob"]["args"]]
    shells += [VALUES[name][probe]["command"] for name in ("scheduler", "dagProcessor", "triggerer") for probe in ("livenessProbe",)]
    found = []
    for shell in shells:
        assert shell[1] == "-c"
        for part in re.split(r"&&|\|\||;|[{}]", shell[2]):
            words = shlex.split(re.sub(r"\s2?>\s?\S+|2>&1", "", part))
            if "airflow" in words:
                found.append(words[words.index("airflow") + 1 :])
    return found


def test_every_airflow_command_is_one_that_airflow_takes() -> None:
    from airflow.cli.cli_parser import get_parser  # noqa: PLC0415 - only this test needs it

    commands = shell_commands()
    assert len(commands) == 7
    assert ["pools", "set", POOL, str(POOL_SLOTS), POOL_DESCRIPTION] in commands
    assert ["pools", "get", POOL] in commands
    for words in commands:
        get_parser().parse_args(words)


def test_no_probe_calls_what_only_airflows_own_image_has() -> None:
    assert "/entrypoint " not in json.dumps(VALUES)
    assert "clean-logs" not in json.dumps(VALUES)
    for section in ("scheduler", "dagProcessor", "triggerer"):
        assert VALUES[section]["livenessProbe"]["command"]
        assert VALUES[section]["logGroomerSidecar"] == {"enabled": False}


def test_the_job_calls_our_command_as_no_root_and_without_a_token() -> None:
    pod = JOB["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert container["command"][0] == "meterhouse"
    parser().parse_args(container["command"][1:])
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert container["resources"]["limits"]
    assert JOB["spec"]["activeDeadlineSeconds"]


def references(node: Any) -> set[tuple[str, str]]:
    """Every (secret, key) below a node."""
    found: set[tuple[str, str]] = set()
    if isinstance(node, dict):
        if "secretKeyRef" in node:
            found.add((node["secretKeyRef"]["name"], node["secretKeyRef"]["key"]))
        for value in node.values():
            found |= references(value)
    if isinstance(node, list):
        for value in node:
            found |= references(value)
    return found


def test_every_variable_that_names_a_secret_takes_it_from_one() -> None:
    environments = [
        VALUES["workers"]["kubernetes"]["env"],
        VALUES["scheduler"]["env"],
        JOB["spec"]["template"]["spec"]["containers"][0]["env"],
    ]
    for environment in environments:
        assert environment
        assert all(set(variable) == {"name", "valueFrom"} for variable in environment)
    assert not re.search(r"sk-|postgres(ql)?(\+\w+)?://|password[\"']?:\s*\S", TEXT, re.IGNORECASE)


def test_the_admin_key_reaches_task_pods_and_no_other() -> None:
    secret = ("meterhouse-openai-admin", "connection")
    assert {section for section in VALUES if secret in references(VALUES[section])} == {"workers"}
    assert TEXT.count("meterhouse-openai-admin") == 1
    assert secret not in references(JOB)


def test_the_readme_makes_every_secret_with_the_keys_that_are_asked_for() -> None:
    made = {(name, key) for name, key in re.findall(r"create secret generic (\S+) --from-file=(?:(\S+)=)?\S+", README) if key}
    asked = references(VALUES) | references(JOB)
    # The chart itself says under which key it looks.
    asked |= {
        (VALUES["data"]["metadataSecretName"], "connection"),
        (VALUES["fernetKeySecretName"], "fernet-key"),
        (VALUES["jwtSecretName"], "jwt-secret"),
        (VALUES["apiSecretKeySecretName"], "api-secret-key"),
    }
    optional = {(name, key) for name, key in asked if name == "meterhouse-alerts"}
    assert optional == {("meterhouse-alerts", "webhook"), ("meterhouse-alerts", "mail")}
    assert made == asked - optional
    assert "create secret generic meterhouse-airflow-users --from-file=passwords.json" in README


def test_the_reports_of_the_readme_land_in_the_volume_that_outlives_the_pod() -> None:
    found = [yaml.safe_load(one) for one in re.findall(r"^ +- (\{name: METERHOUSE_.*\})$", README, re.MULTILINE)]
    settings = load_settings({variable["name"]: variable["value"] for variable in found})
    for folder in (settings.weekly_report_dir, settings.monthly_report_dir):
        assert folder is not None
        assert folder.parent == Path(VALUES["airflowHome"]) / "logs"
    assert VALUES["logs"]["persistence"]["enabled"] is True


def test_the_chart_has_one_version_in_every_place() -> None:
    assert set(re.findall(r"--version (\S+)", README)) == {CHART}
    assert f"version {CHART}" in README
    assert f"version {CHART}" in TEXT


def test_nothing_that_the_chart_bundles_is_used() -> None:
    for name in ("postgresql", "redis", "pgbouncer", "statsd", "flower", "createUserJob"):
        assert VALUES[name] == {"enabled": False}


@pytest.mark.parametrize("section", ["scheduler", "dagProcessor", "triggerer", "apiServer", "migrateDatabaseJob", "cleanup"])
def test_every_pod_has_requests_and_limits(section: str) -> None:
    assert set(VALUES[section]["resources"]) == {"requests", "limits"}


def test_task_pods_have_limits_and_time_to_end() -> None:
    pods = VALUES["workers"]["kubernetes"]
    assert set(pods["resources"]) == {"requests", "limits"}
    assert pods["terminationGracePeriodSeconds"] >= 600


def test_nobody_is_root() -> None:
    assert VALUES["securityContexts"]["pod"]["runAsNonRoot"] is True
    assert VALUES["securityContexts"]["containers"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
