"""The DAG files as an operator's Airflow reads them, without any service."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from meterhouse.catalogue.endpoints import ENDPOINTS, USAGE, WIDTHS
from meterhouse.orchestration.alerts import run_is_late
from meterhouse.orchestration.dag_parts import alert, last_word
from meterhouse.orchestration.monthly_report import month_over
from meterhouse.orchestration.pool import POOL
from meterhouse.orchestration.weekly_report import week_before

DAGS = Path(__file__).resolve().parents[2] / "dags"
EXPECTED = {
    "openai_usage",
    "openai_costs",
    "openai_directory",
    "openai_backfill",
    "warehouse_checks",
    "warehouse_retention",
    "weekly_report",
    "spend_watch",
    "monthly_report",
}


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
    assert {task.task_id for task in dags["openai_usage"].tasks} == {endpoint.name for endpoint in USAGE} | {"allocate", "report"}
    assert {task.task_id for task in dags["openai_costs"].tasks} == {"costs", "costs_by_user", "allocate", "report"}


def test_whatever_becomes_of_the_loads_the_costs_are_allocated_after_all_of_them_and_the_report_comes_last(dags: dict[str, Any]):
    for name in ("openai_usage", "openai_costs", "openai_backfill"):
        dag = dags[name]
        allocate, report = dag.get_task("allocate"), dag.get_task("report")
        assert allocate.upstream_task_ids == {task.task_id for task in dag.tasks} - {"plan", "allocate", "report"}, name
        assert allocate.trigger_rule == report.trigger_rule == "all_done"
        assert (allocate.downstream_task_ids, report.downstream_task_ids) == ({"report"}, set())
        assert alert in report.on_failure_callback, "the last task speaks for the run"
        assert alert not in allocate.on_failure_callback


def test_scheduled_dags_have_data_intervals_and_do_not_catch_up(dags: dict[str, Any]):
    for name in EXPECTED - {"openai_backfill", "warehouse_checks", "spend_watch"}:
        assert type(dags[name].timetable).__name__ == "CronDataIntervalTimetable", name
        assert dags[name].catchup is False
        assert dags[name].max_active_runs == 1


def test_checks_run_after_the_loads_and_by_the_clock(dags: dict[str, Any]):
    timetable = dags["warehouse_checks"].timetable
    assert type(timetable).__name__ == "AssetOrTimeSchedule"
    assert type(timetable.timetable).__name__ == "CronDataIntervalTimetable"
    assert {asset.name for asset in timetable.asset_condition.objects} == {"bi.usage", "bi.costs", "bi.names"}
    assert dags["warehouse_checks"].catchup is False
    assert dags["warehouse_checks"].max_active_runs == 1


def test_spending_is_watched_when_costs_were_loaded_and_only_then(dags: dict[str, Any]):
    dag = dags["spend_watch"]
    assert type(dag.timetable).__name__ == "AssetTriggeredTimetable"
    assert dag.timetable.asset_condition.name == "bi.costs"
    (task,) = dag.tasks
    assert (task.task_id, dag.catchup, dag.max_active_runs) == ("notices", False, 1)
    assert alert in task.on_failure_callback


def test_the_weekly_reports_runs_end_on_monday_morning_and_are_of_the_week_that_is_over_then(dags: dict[str, Any]):
    from airflow.timetables.interval import CronDataIntervalTimetable  # noqa: PLC0415  # as above
    from pendulum import DateTime  # noqa: PLC0415

    declared = dags["weekly_report"].timetable
    scheduled = CronDataIntervalTimetable(declared.expression, timezone=declared.timezone)
    # A Saturday, and the moments around a Monday's run.
    for moment, end, monday in (
        (datetime(2026, 11, 21, 16, tzinfo=UTC), datetime(2026, 11, 16, 6, 30, tzinfo=UTC), date(2026, 11, 9)),
        (datetime(2026, 11, 16, 6, 29, tzinfo=UTC), datetime(2026, 11, 9, 6, 30, tzinfo=UTC), date(2026, 11, 2)),
        (datetime(2026, 11, 16, 6, 30, tzinfo=UTC), datetime(2026, 11, 16, 6, 30, tzinfo=UTC), date(2026, 11, 9)),
    ):
        interval = scheduled.infer_manual_data_interval(run_after=DateTime.instance(moment))
        assert interval.end == end
        assert week_before(interval.end) == (monday, monday + timedelta(days=6))


def test_the_monthly_reports_runs_end_when_the_last_day_is_settled_and_are_of_the_month_that_is_over_then(dags: dict[str, Any]):
    from airflow.timetables.interval import CronDataIntervalTimetable  # noqa: PLC0415  # as above
    from pendulum import DateTime  # noqa: PLC0415

    declared = dags["monthly_report"].timetable
    scheduled = CronDataIntervalTimetable(declared.expression, timezone=declared.timezone)
    for moment, end, month in (
        (datetime(2026, 11, 21, 16, tzinfo=UTC), datetime(2026, 11, 3, 6, 30, tzinfo=UTC), date(2026, 10, 1)),
        (datetime(2026, 11, 3, 6, 29, tzinfo=UTC), datetime(2026, 10, 3, 6, 30, tzinfo=UTC), date(2026, 9, 1)),
        (datetime(2027, 1, 3, 6, 30, tzinfo=UTC), datetime(2027, 1, 3, 6, 30, tzinfo=UTC), date(2026, 12, 1)),
    ):
        interval = scheduled.infer_manual_data_interval(run_after=DateTime.instance(moment))
        assert interval.end == end
        assert month_over(interval.end) == month


def test_reports_are_written_for_everybody_and_for_each_team_apart(dags: dict[str, Any]):
    for name in ("weekly_report", "monthly_report"):
        dag = dags[name]
        assert {task.task_id for task in dag.tasks} == {"report", "teams", "team_report"}
        # A team's mail does not wait for the others', nor for the whole report.
        assert dag.get_task("team_report").upstream_task_ids == {"teams"}
        assert dag.get_task("report").downstream_task_ids == set()
        assert all(alert in task.on_failure_callback for task in dag.tasks)
        assert dag.get_task("team_report").is_mapped


def test_every_task_that_calls_the_vendor_or_allocates_takes_a_slot_of_the_pool_and_no_other_does(dags: dict[str, Any]):
    callers = {(dag.dag_id, task.task_id) for dag in dags.values() for task in dag.tasks if task.pool == POOL}
    assert callers == {("openai_usage", endpoint.name) for endpoint in USAGE} | {
        ("openai_costs", "costs"),
        ("openai_costs", "costs_by_user"),
        *((name, "allocate") for name in ("openai_usage", "openai_costs", "openai_backfill")),
        ("openai_directory", "directory"),
        ("openai_backfill", "load"),
        ("warehouse_checks", "checks"),
    }


def test_there_is_an_asset_per_fact_table_and_family_of_views_and_every_one_is_published(dags: dict[str, Any]):
    published = {outlet.name for dag in dags.values() for task in dag.tasks for outlet in task.outlets}
    assert published == {f"warehouse.{endpoint.table}" for endpoint in ENDPOINTS.values()} | {
        "bi.usage",
        "bi.costs",
        "bi.names",
        "meterhouse.backfilled",
    }


def test_every_dag_has_a_task_that_alerts_and_every_failed_try_ends_with_what_to_do(dags: dict[str, Any]):
    for dag in dags.values():
        assert any(alert in task.on_failure_callback for task in dag.tasks), dag.dag_id
        for task in dag.tasks:
            assert task.on_retry_callback[-1] is last_word
            assert task.on_failure_callback[-1] is last_word


def test_the_hourly_load_has_a_deadline(dags: dict[str, Any]):
    (found,) = dags["openai_usage"].deadline
    assert found.interval < timedelta(hours=1)
    assert found.callback.path == f"{run_is_late.__module__}.{run_is_late.__qualname__}"


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
    assert set(params) == {"from", "to", "endpoints", "bucket_width", "dry_run", "force"}
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
        "heavy = {'pandas', 'numpy', 'pyarrow', 'psycopg', 'sqlalchemy', 'requests', 'msgspec', 'meterhouse.load.sync'};"
        "print(' '.join(sorted(added & heavy)))"
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
