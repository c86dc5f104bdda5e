"""The DAG files as an operator's Airflow reads them, without any service."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meterhouse.endpoints import COSTS, ENDPOINTS, USAGE, WIDTHS

DAGS = Path(__file__).resolve().parents[2] / "dags"
EXPECTED = {"openai_usage", "openai_costs", "openai_directory", "openai_backfill"}


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """All DAGs by name; Airflow's home is a folder of the test."""
    before = os.environ.get("AIRFLOW_HOME")
    os.environ["AIRFLOW_HOME"] = str(tmp_path_factory.mktemp("airflow"))
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415  # reads its home when it is imported

    bag = DagBag(dag_folder=str(DAGS))
    assert bag.import_errors == {}
    yield bag.dags
    if before is None:
        del os.environ["AIRFLOW_HOME"]
    else:
        os.environ["AIRFLOW_HOME"] = before


def test_every_file_holds_the_dag_of_its_name_and_there_is_no_other(dags: dict[str, Any]):
    assert set(dags) == EXPECTED == {path.stem for path in DAGS.glob("*.py")}


def test_usage_has_one_named_task_per_endpoint(dags: dict[str, Any]):
    assert {task.task_id for task in dags["openai_usage"].tasks} == {endpoint.name for endpoint in USAGE}
    assert [task.task_id for task in dags["openai_costs"].tasks] == [COSTS.name]


def test_scheduled_dags_have_data_intervals_and_do_not_catch_up(dags: dict[str, Any]):
    for name in EXPECTED - {"openai_backfill"}:
        assert type(dags[name].timetable).__name__ == "CronDataIntervalTimetable", name
        assert dags[name].catchup is False
        assert dags[name].max_active_runs == 1


def test_every_dag_is_a_runbook_with_tags_and_an_owner_and_bounded_retries(dags: dict[str, Any]):
    for dag in dags.values():
        assert "fails" in (dag.doc_md or "")
        assert "meterhouse" in dag.tags
        for task in dag.tasks:
            assert task.owner == "meterhouse"
            assert 1 <= task.retries <= 5
            assert task.retry_exponential_backoff
            assert task.max_retry_delay is not None
            assert task.execution_timeout is not None


def test_the_backfill_form_asks_for_days_endpoints_and_width(dags: dict[str, Any]):
    params = dags["openai_backfill"].params
    assert set(params) == {"from", "to", "endpoints", "bucket_width"}
    assert params.get_param("endpoints").schema["items"]["enum"] == list(ENDPOINTS)
    assert params.get_param("bucket_width").schema["enum"] == list(WIDTHS)
    assert params.get_param("from").schema["format"] == "date"


def test_files_are_thin():
    for path in DAGS.glob("*.py"):
        code = path.read_text().split('"""', 2)[2]
        assert len(code.splitlines()) <= 70, path


@pytest.mark.parametrize("path", sorted(DAGS.glob("*.py")), ids=lambda path: path.stem)
def test_parsing_a_file_imports_neither_pandas_nor_a_database_nor_http(path: Path):
    """Airflow itself brings some of them, so what counts is what the file adds to it."""
    code = (
        "import sys, runpy; import airflow.sdk, airflow.timetables.interval; before = set(sys.modules);"
        f"runpy.run_path({str(path)!r}); added = set(sys.modules) - before;"
        "print(' '.join(sorted(added & {'pandas', 'numpy', 'pyarrow', 'psycopg', 'sqlalchemy', 'requests', 'msgspec', 'meterhouse.sync'})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1:] in ([], [""]), done.stdout


def test_no_file_reads_the_clock_the_network_or_a_key_when_it_is_parsed():
    for path in DAGS.glob("*.py"):
        calls = {
            node.func.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        assert not calls & {"now", "utcnow", "today", "getenv", "get_connection"}, path
