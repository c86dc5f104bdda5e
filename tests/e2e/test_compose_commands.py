"""The commands that docker-compose.yml runs, and those of make that start it: each is one that its program takes."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.bi.metabase_server import MetabaseServer

from meterhouse.bi_files.metabase.provisioning import PASSWORD_VARIABLE, READER_VARIABLE, USER_VARIABLE, provision
from meterhouse.command_line.command_words import parser
from meterhouse.orchestration.pool import POOL, POOL_DESCRIPTION, POOL_SLOTS

from .compose_file import AIRFLOW, ROOT, SERVICES, filled


def shell_words(name: str) -> Iterator[list[str]]:
    """The commands of a service, those inside of a shell's too."""
    command = SERVICES[name]["command"]
    if command[:2] != ["sh", "-c"]:
        yield command
        return
    for part in re.split(r"&&|\|\||;|[{}]", command[2]):
        if words := shlex.split(re.sub(r"\s2?>\s?\S+|2>&1", "", part)):
            yield words


def meterhouse_commands() -> list[tuple[str, list[str]]]:
    """Service and words of every command of ours that compose runs."""
    return [(name, words[1:]) for name in AIRFLOW for words in shell_words(name) if words[0] == "meterhouse"]


def test_every_command_of_ours_is_one_that_the_parser_takes() -> None:
    assert meterhouse_commands() == [
        ("dashboard", ["dashboard", "--host", "0.0.0.0", "--port", "8050"]),
        ("metabase-provision", ["provision-metabase", "--url", "http://metabase:3000"]),
    ]
    for _, words in meterhouse_commands():
        parser().parse_args(words)


def test_metabase_is_provisioned_with_every_variable_that_the_command_needs(generated: dict[str, str]) -> None:
    environment = filled(generated)["metabase-provision"]["environment"]
    assert set(environment) == {USER_VARIABLE, PASSWORD_VARIABLE, READER_VARIABLE}
    with MetabaseServer() as server:
        provision(server.address, environment, pause=lambda _: None)
        assert server.administrator == (generated["METERHOUSE_METABASE_USER"], generated["METERHOUSE_METABASE_PASSWORD"])
        (database,) = server.kept["database"].values()
    host, port, name = (database["details"][key] for key in ("host", "port", "dbname"))
    assert (host, port, name) == ("postgres", 5432, SERVICES["postgres"]["environment"]["POSTGRES_DB"])
    assert database["details"]["user"] == "meterhouse_reader"


def test_provisioning_counts_as_healthy_only_when_it_has_worked() -> None:
    service = SERVICES["metabase-provision"]
    (marker,) = set(re.findall(r"/\w+/provisioned", json.dumps([service["command"], service["healthcheck"]])))
    assert service["healthcheck"]["test"] == ["CMD", "test", "-f", marker]
    script = service["command"][2]
    assert re.fullmatch(rf"rm -f {marker} && meterhouse \S+ --url \S+ && touch {marker} && exec sleep infinity", script)


def test_every_airflow_command_is_one_that_airflow_takes() -> None:
    from airflow.cli.cli_parser import get_parser  # noqa: PLC0415 - only this test needs it

    commands = [words[1:] for name in AIRFLOW for words in shell_words(name) if words[0] == "airflow"]
    assert ["celery", "worker", "--skip-serve-logs"] in commands
    assert ["db", "migrate"] in commands
    for words in commands:
        if words[0] == "celery" and importlib.util.find_spec("airflow.providers.celery") is None:
            continue
        get_parser().parse_args(words)


def test_the_pool_is_the_one_that_the_dags_use_and_is_made_only_where_there_is_none() -> None:
    commands = list(shell_words("airflow-migrate"))
    assert ["airflow", "pools", "set", POOL, str(POOL_SLOTS), POOL_DESCRIPTION] in commands
    assert ["airflow", "pools", "get", POOL] in commands
    assert re.search(r"pools get \S+ > /dev/null 2>&1\s*\|\|\s*airflow pools set", SERVICES["airflow-migrate"]["command"][2])


def test_every_python_command_names_a_module_or_compiles() -> None:
    programs = 0
    for service in SERVICES.values():
        for words in (service.get("command", []), service.get("healthcheck", {}).get("test", [])[1:]):
            if words[:2] == ["python", "-m"]:
                assert importlib.util.find_spec(words[2])
            elif words[:2] == ["python", "-c"]:
                compile(words[2], "docker-compose.yml", "exec")
                programs += 1
    assert programs == 6


def test_make_compose_up_says_in_one_line_what_is_missing(tmp_path: Path) -> None:
    make, shell = shutil.which("make"), shutil.which("sh")
    assert make is not None
    assert shell is not None
    # Nothing but a shell: no docker, wherever this runs.
    (tmp_path / "sh").symlink_to(shell)
    done = subprocess.run(
        [make, "--no-print-directory", "-C", str(ROOT), "compose-up", f"SHELL={shell}"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "docker with its compose plugin" in done.stderr.splitlines()[0]


def test_make_compose_env_runs_the_script() -> None:
    targets = (ROOT / "Makefile").read_text()
    assert "etl/meterhouse/local/compose_env.py" in targets
    assert re.search(r"^compose-env: ## ", targets, re.MULTILINE)
    assert re.search(r"^compose-up: ## ", targets, re.MULTILINE)
