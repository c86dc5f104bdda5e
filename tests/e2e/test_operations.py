"""A day of an operator: backfills in three ways, at once and cancelled; alerts that come once; assets that start other DAGs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.cluster.loads import held_load
from tests.cluster.stack import Stack, midnight, running_stack
from tests.cluster.variations import BACKFILL, Variation
from tests.e2e.inbox import Inbox, open_inbox
from tests.postgres.comparison import assert_equals_source, days_without_rows
from tests.postgres.fingerprints import places

from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.local.airflow_rest import DONE
from meterhouse.local.first_load import ACTIVE, first_load
from meterhouse.orchestration.weekly_report import week_before

pytestmark = [pytest.mark.airflow, pytest.mark.operations, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
CONSUMER = "monthly_invoice_check"
CHECKS = "warehouse_checks"
DEADLINE_SECONDS = 25
# Facts only: every load writes its own line into the logs.
TABLES = tuple(f"warehouse.{endpoint.table}" for endpoint in ENDPOINTS.values())


@pytest.fixture(scope="module")
def inbox() -> Iterator[Inbox]:
    with open_inbox() as opened:
        yield opened


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the weekly reports, which is not there yet."""
    return tmp_path_factory.mktemp("weekly") / "reports"


@pytest.fixture(scope="module")
def stack(inbox: Inbox, reports: Path) -> Iterator[Stack]:
    """One stack for all tests of this file, with the documentation's example of another team's DAG; each loads its own days."""
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "operations.md").read_text(), re.DOTALL)
    monday = '("30 6 * * 1", timezone="UTC"),'
    changes = {
        "timedelta(minutes=45)": f"timedelta(seconds={DEADLINE_SECONDS})",
        # Its first run would begin before there is anything to report.
        monday: f"{monday} is_paused_upon_creation=True,",
    }
    to_boss = inbox.connections["AIRFLOW_CONN_METERHOUSE_ALERTS_MAIL"].replace("ops@", "boss@")
    outer = inbox.connections | {"METERHOUSE_WEEKLY_REPORT_DIR": str(reports), "AIRFLOW_CONN_METERHOUSE_REPORT_MAIL": to_boss}
    variation = Variation(outer=outer, more_dags={f"{CONSUMER}.py": example}, changes=changes)
    with running_stack("local", variation) as running:
        first_load(running.rest, lambda _: None, running.supervise)
        for dag in running.rest.dags():
            if dag not in {BACKFILL, CONSUMER, CHECKS}:
                running.rest.pause(dag)
        # They ask the vendor too, and would take the faults that are meant for others; a queued run of a paused DAG would never end.
        running.until("the checks have ended", 120, lambda: not running.rest.runs(CHECKS, ACTIVE))
        running.rest.pause(CHECKS)
        yield running


@contextmanager
def scheduled(stack: Stack, dag: str) -> Iterator[None]:
    """Let a paused DAG run for the length of the block."""
    stack.rest._get(f"/api/v2/dags/{dag}?update_mask=is_paused", method="PATCH", body={"is_paused": False})
    try:
        yield
    finally:
        stack.rest.pause(dag)


def trigger(stack: Stack, dag: str, **interval: str) -> str:
    return stack.rest.trigger(dag, logical_date=None if not interval else interval["data_interval_start"], **interval)


def ended(stack: Stack, dag: str, run: str, seconds: float = 180) -> str:
    """Wait for the end of a run and return its state."""
    return str(stack.until(f"{dag} {run} ends", seconds, lambda: (state := stack.rest.state(dag, run)) in DONE and state))


def returned(stack: Stack, dag: str, run: str, task: str, key: str = "return_value") -> Any:
    path = f"/api/v2/dags/{dag}/dagRuns/{quote(run, safe='')}/taskInstances/{task}/xcomEntries/{key}"
    return stack.rest._get(path)["value"]


def days(first: date, last: date) -> str:
    return f"bucket_start >= '{midnight(first).isoformat()}' AND bucket_start < '{midnight(last + timedelta(days=1)).isoformat()}'"


def airflows_own_backfill(stack: Stack, dag: str, first: date, last: date) -> list[dict[str, Any]]:
    """Backfill the intervals of some days as the UI's button does, and return the runs."""
    body = {
        "dag_id": dag,
        "from_date": midnight(first).isoformat(),
        "to_date": midnight(last).isoformat(),
        "reprocess_behavior": "completed",
        "max_active_runs": 2,
        "run_backwards": False,
        "dag_run_conf": {},
    }
    with scheduled(stack, dag):
        number = stack.rest._get("/api/v2/backfills", method="POST", body=body)["id"]
        stack.until("Airflow's backfill ends", 240, lambda: stack.rest._get(f"/api/v2/backfills/{number}")["completed_at"])
    runs = [run for run in stack.rest.runs(dag) if run["run_type"] == "backfill"]
    assert {run["state"] for run in runs} == {"success"}
    return runs


def test_three_ways_to_backfill_end_in_the_same_rows(stack: Stack) -> None:
    first, last = stack.day(-80), stack.day(-78)
    # The DAG of costs loads their copy by user as well.
    chosen = ["costs", "costs_by_user", "images"]
    assert ended(stack, BACKFILL, stack.backfill(first, last, chosen)) == "success"
    compared = assert_equals_source(stack.loaded, first, last + timedelta(days=1), chosen, when="by the form")
    assert compared > 10
    by_form = places(stack.loaded.warehouse.superuser_url, TABLES, days(first, last))
    runs = airflows_own_backfill(stack, "openai_costs", first, first + timedelta(days=1))
    # A run every six hours, and the one over midnight is of two days.
    assert len(runs) == 4
    for run in runs:
        (summary,) = returned(stack, "openai_costs", run["dag_run_id"], "costs")
        # Two runs of one day at a time: the fetch that began later stands.
        assert (summary["windows"], summary["buckets"] + summary["superseded_buckets"]) in {(1, 1), (1, 2)}
    stack.loaded.backfill(first, last + timedelta(days=1), chosen)
    assert places(stack.loaded.warehouse.superuser_url, TABLES, days(first, last)) == by_form
    # And a range that no other way has loaded before.
    alone = stack.day(-90)
    airflows_own_backfill(stack, "openai_costs", alone, alone + timedelta(days=1))
    assert_equals_source(stack.loaded, alone, alone + timedelta(days=2), ["costs", "costs_by_user"], when="by Airflow's own backfill")


def test_a_dry_run_shows_the_plan_and_writes_nothing(stack: Stack) -> None:
    before = stack.loaded.query("SELECT count(*) FROM ops.load_log")
    conf = {"from": stack.day(-500).isoformat(), "to": stack.day(-300).isoformat(), "endpoints": ["images"], "dry_run": True}
    run = stack.rest.trigger(BACKFILL, conf=conf)
    assert ended(stack, BACKFILL, run) == "success"
    assert stack.rest.task_states(BACKFILL, run) == {"plan": "success", "load": "skipped", "allocate": "success", "report": "skipped"}
    plan = returned(stack, BACKFILL, run, "plan", "plan")
    assert "at least 7 calls" in plan[0]
    assert f"{stack.day(-500)} to {stack.day(-366)} are further back than the vendor reports" in plan[2]
    assert stack.loaded.query("SELECT count(*) FROM ops.load_log") == before


def test_a_backfill_that_got_nothing_is_skipped_load_by_load_and_fails_with_one_line(stack: Stack, inbox: Inbox) -> None:
    before = stack.loaded.query("SELECT count(*) FROM ops.load_log")
    run = stack.backfill(stack.day(-500), stack.day(-490), ["images", "costs"])
    assert ended(stack, BACKFILL, run) == "failed"
    states = {"plan": "success", "load[0]": "skipped", "load[1]": "skipped", "allocate": "success", "report": "failed"}
    assert stack.rest.task_states(BACKFILL, run) == states
    log = stack.task_log(run, 1)
    assert "is loaded" not in log
    assert "nothing could be loaded" in log
    assert "nothing was loaded: the vendor reports nothing before" in log
    assert stack.loaded.query("SELECT count(*) FROM ops.load_log") == before
    assert inbox.about("nothing was loaded") == []
    # A part of it is a success that says which part.
    run = stack.backfill(stack.day(-400), stack.day(-355), ["images"])
    assert ended(stack, BACKFILL, run) == "success"
    assert stack.rest.task_states(BACKFILL, run) == {"plan": "success", "load[0]": "success", "allocate": "success", "report": "success"}
    assert "images/1d: the vendor reports nothing before" in stack.task_log(run, 1)


def test_airflows_own_backfill_beyond_the_reach_is_skipped(stack: Stack) -> None:
    day = stack.day(-450)
    airflows_own_backfill(stack, "openai_costs", day, day + timedelta(days=1))
    oldest = stack.rest._get("/api/v2/dags/openai_costs/dagRuns?limit=4&order_by=run_after")["dag_runs"]
    runs = [run["dag_run_id"] for run in oldest if run["data_interval_start"].startswith(day.isoformat())]
    assert runs
    for run in runs:
        states = {"costs": "skipped", "costs_by_user": "skipped", "allocate": "success", "report": "skipped"}
        assert stack.rest.task_states("openai_costs", run) == states
        assert "the vendor reports nothing before" in returned(stack, "openai_costs", run, "costs", "nothing_loaded")


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({"from": "2026-9-1", "to": "2026-09-02"}, "Invalid input for param from"),
        ({"from": "2026-09-01"}, "Invalid input for param to"),
        ({"from": "2026-09-01", "to": "2026-09-02", "endpoints": ["imagse"]}, "Invalid input for param endpoints"),
        ({"from": "2026-09-01", "to": "2026-09-02", "endpoints": []}, "Invalid input for param endpoints"),
        ({"from": "2026-09-01", "to": "2026-09-02", "bucket_width": "1w"}, "Invalid input for param bucket_width"),
        ({"from": "2026-09-01", "to": "2026-09-02", "dry_run": "perhaps"}, "Invalid input for param dry_run"),
    ],
    ids=["day", "no last day", "endpoint", "no endpoint", "width", "dry run"],
)
def test_a_wrong_field_of_the_form_is_refused_before_anything_runs(stack: Stack, conf: dict[str, Any], said: str) -> None:
    with pytest.raises(Exception, match=said):
        stack.rest.trigger(BACKFILL, conf=conf)


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({"from": "2026-09-02", "to": "2026-09-01"}, "the first day 2026-09-02 is after the last day 2026-09-01: swap them"),
        ({"from": "2126-09-01", "to": "2126-09-02"}, "is in the future: there is nothing to load yet"),
        ({"from": "2026-09-01", "to": "2026-09-02", "endpoints": ["costs"], "bucket_width": "1h"}, "none of costs has buckets of width 1h"),
    ],
    ids=["swapped", "future", "costs by the hour"],
)
def test_what_only_the_fields_together_show_fails_at_once_and_bothers_nobody(
    stack: Stack, inbox: Inbox, conf: dict[str, Any], said: str
) -> None:
    run = stack.rest.trigger(BACKFILL, conf=conf)
    assert ended(stack, BACKFILL, run) == "failed"
    assert said in returned(stack, BACKFILL, run, "plan", "error")["text"]
    assert {task["try_number"] for task in stack.rest.tasks(BACKFILL, run) if task["task_id"] == "plan"} == {1}
    assert inbox.about(said) == []


def test_backfills_at_once_beside_the_schedule_and_one_cancelled_in_its_middle_leave_the_warehouse_right(stack: Stack) -> None:
    with held_load(stack, stack.day(-170), ["completions"], ["images"]) as load:
        overlapping = stack.backfill(load.first + timedelta(days=40), load.last, ["completions", "images"])
        with scheduled(stack, "openai_usage"):
            assert ended(stack, "openai_usage", trigger(stack, "openai_usage")) == "success"
        assert ended(stack, BACKFILL, overlapping) == "success"
        path = f"/api/v2/dags/{BACKFILL}/dagRuns/{quote(load.run, safe='')}?update_mask=state"
        stack.rest._get(path, method="PATCH", body={"state": "failed"})
        stack.until("the cancelled task is gone", 60, lambda: load.newest()["state"] in {"failed", "skipped", "removed"})
        load.gates["completions"].opened.set()
        between = [load.second + timedelta(days=number) for number in range(9)]
        assert days_without_rows(stack.loaded, "completions", between) == between
    again = stack.backfill(load.first, load.last, ["completions", "images"])
    assert ended(stack, BACKFILL, again) == "success"
    assert_equals_source(stack.loaded, load.first, load.last + timedelta(days=1), load.endpoints, when="after the repeat")
    assert_equals_source(stack.loaded, stack.day(-2), stack.day(0), when="the schedule's days")


def test_a_refused_key_fails_at_once_with_the_remedy_last_and_is_reported_once_per_day(stack: Stack, inbox: Inbox) -> None:
    with scheduled(stack, "openai_usage"):
        for _ in range(2):
            for endpoint in ("images", "moderations"):
                stack.loaded.server.fail_next(1, status=401, path_contains=f"/usage/{endpoint}")
            run = trigger(stack, "openai_usage")
            assert ended(stack, "openai_usage", run) == "failed"
            states = stack.rest.task_states("openai_usage", run)
            failed = sorted(task for task, state in states.items() if state == "failed")
            assert failed == ["images", "moderations", "report"]
            assert {task["try_number"] for task in stack.rest.tasks("openai_usage", run)} == {1}
    log = (stack.home / "logs" / "tasks" / "dag_id=openai_usage" / f"run_id={run}" / f"task_id={failed[0]}" / "attempt=1.log").read_text()
    remedy = returned(stack, "openai_usage", run, failed[0], "error")["text"]
    assert "key" in remedy
    spoken = [line for line in log.splitlines() if "::endgroup::" not in line]
    assert json.loads(spoken[-1])["event"] == remedy
    assert "Traceback" not in log
    assert "error_detail" not in log
    (told,) = inbox.about("openai_usage failed")
    assert remedy in told["message"]
    assert "images" in told["message"]
    assert "moderations" in told["message"]
    assert f"{stack.rest.address}/dags/openai_usage/runs/" in told["message"]
    (mail,) = [mail for mail in inbox.mails if "openai_usage failed" in str(mail["Subject"])]
    assert mail["To"] == "ops@example.com"
    body = mail.get_body()
    assert body is not None
    assert f"{stack.rest.address}/dags/openai_usage/runs/" in body.get_content()


def test_a_late_run_is_reported(stack: Stack, inbox: Inbox) -> None:
    with scheduled(stack, "openai_usage"):
        # On a busy machine the first load was late as well, and a problem is reported once per day.
        before = len(inbox.about("is late"))
        stack.loaded.query("DELETE FROM ops.alerts WHERE starts_with(problem, 'openai_usage/late')")
        with stack.vendor.gate("images", midnight(stack.day(-3))):
            run = trigger(stack, "openai_usage")
            told = stack.until("somebody is told", DEADLINE_SECONDS + 90, lambda: inbox.about("is late")[before:])
            assert stack.rest.state("openai_usage", run) == "running"
        assert ended(stack, "openai_usage", run) == "success"
    (message,) = [post["message"] for post in told]
    assert quote(run, safe="") in message


def test_another_teams_dag_runs_on_the_asset_and_reads_the_row_counts(stack: Stack) -> None:
    known = {run["dag_run_id"] for run in stack.rest.runs(CONSUMER)}
    assert ended(stack, BACKFILL, stack.backfill(stack.day(-100), stack.day(-99), ["costs"])) == "success"
    (run,) = stack.until("the asset starts it", 60, lambda: [one for one in stack.rest.runs(CONSUMER) if one["dag_run_id"] not in known])
    assert ended(stack, CONSUMER, run["dag_run_id"]) == "success"
    events = stack.rest._get("/api/v2/assets/events?limit=100&order_by=-timestamp")["asset_events"]
    newest = next(event for event in events if event["source_dag_id"] == BACKFILL and event["name"] == "bi.costs")
    stored = stack.loaded.query(f"SELECT count(*) FROM warehouse.costs WHERE {days(stack.day(-100), stack.day(-99))}")
    assert [(newest["extra"]["rows_inserted"],)] == stored


def test_the_weekly_report_is_written_and_mailed_with_the_totals_of_its_week(stack: Stack, inbox: Inbox, reports: Path) -> None:
    with scheduled(stack, "weekly_report"):
        (first_run,) = stack.until("the run of last Monday ends", 120, lambda: stack.rest.runs("weekly_report", DONE))
        assert first_run["state"] == "success"
        monday, _ = week_before(datetime.fromisoformat(first_run["data_interval_end"]))
        assert_is_the_report_of(monday, stack, inbox, reports, first_run["dag_run_id"])
        assert [path.name for path in reports.iterdir()] == [f"meterhouse-{monday}-to-{monday + timedelta(days=6)}.html"]
        # By hand without an interval, and by hand for the week before.
        run = trigger(stack, "weekly_report")
        assert ended(stack, "weekly_report", run) == "success"
        assert_is_the_report_of(week_before(datetime.now(UTC))[0], stack, inbox, reports, run)
        end = midnight(monday)
        interval = {"data_interval_start": (end - timedelta(days=7)).isoformat(), "data_interval_end": end.isoformat()}
        run = trigger(stack, "weekly_report", **interval)
        assert ended(stack, "weekly_report", run) == "success"
        assert_is_the_report_of(monday - timedelta(days=7), stack, inbox, reports, run)


def assert_is_the_report_of(monday: date, stack: Stack, inbox: Inbox, reports: Path, run: str) -> None:
    """The file, the XCom and the newest mail of a run are of that week, and tell what SQL says."""
    sunday = monday + timedelta(days=6)
    path = reports / f"meterhouse-{monday}-to-{sunday}.html"
    ((cost, shown, requests),) = stack.loaded.read(
        "SELECT sum(cost), to_char(round(sum(cost), 2), 'FM$999,999,990.00'), (SELECT sum(requests) FROM bi.usage_daily"
        " WHERE usage_date BETWEEN %s AND %s AND endpoint <> 'web_search_calls')::bigint"
        " FROM bi.costs_daily WHERE usage_date BETWEEN %s AND %s",
        [monday, sunday, monday, sunday],
    )
    assert returned(stack, "weekly_report", run, "report") == {
        "path": str(path),
        "first_day": str(monday),
        "last_day": str(sunday),
        "cost": {"usd": str(cost)},
        "requests": requests,
    }
    assert f'id="card-cost">{shown}<' in path.read_text()
    mail = inbox.mails[-1]
    assert mail["To"] == "boss@example.com"
    assert str(mail["Subject"]).endswith(f" {sunday:%Y}, {shown}")
    (attached,) = mail.iter_attachments()
    assert attached.get_payload(decode=True) == path.read_bytes()


def test_a_check_that_fails_turns_red_is_reported_once_and_is_green_after_the_cure(stack: Stack, inbox: Inbox) -> None:
    day = stack.day(-5)
    stack.loaded.query("DELETE FROM ops.coverage WHERE endpoint = 'costs' AND bucket_start = %s RETURNING bucket_start", [midnight(day)])
    with scheduled(stack, "warehouse_checks"):
        for _ in range(2):
            assert ended(stack, "warehouse_checks", trigger(stack, "warehouse_checks")) == "failed"
        assert len(inbox.about("coverage_gaps")) == 1
        assert str(day) in inbox.about("coverage_gaps")[0]["message"]
        assert ended(stack, BACKFILL, stack.backfill(day, day, ["costs"])) == "success"
        assert ended(stack, "warehouse_checks", trigger(stack, "warehouse_checks")) == "success"
    assert stack.loaded.read("SELECT is_ok FROM bi.checks WHERE check_name = 'coverage_gaps'") == [(True,)]
