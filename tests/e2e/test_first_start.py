"""`make up` for real: PostgreSQL, Airflow, the first load, the UI, the second terminal, Ctrl-C; and no trace of the admin key anywhere."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from playwright.sync_api import expect
from tests.e2e.browser import airflow_ui

from meterhouse.catalogue.endpoints import ENDPOINTS, USAGE
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.local.airflow_rest import DONE, AirflowRest
from meterhouse.local.first_load import FIRST_DAGS
from meterhouse.local.postgres import wheel_programs
from meterhouse.ports import free_port
from meterhouse.stack_file import StackFile
from meterhouse.warehouse.view_reach import VIEW_NAMES

from .make_up import command, ours, running, until

pytestmark = [pytest.mark.install, pytest.mark.airflow, pytest.mark.timeout(600)]

CANARY = "sk-admin-Canary7Zq9_xYw-31337-Kf2/pL+0aB"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A state folder that the server's account may enter, under root too."""
    with tempfile.TemporaryDirectory(prefix="meterhouse-first-start-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name) / "home"


@pytest.fixture(scope="module")
def environment(home: Path) -> dict[str, str]:
    """What a user's shell has, without any setting of the machine that runs the test."""
    own = ("METERHOUSE_", "OPENAI_", "WAREHOUSE_", "AIRFLOW_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    services = ("AIRFLOW", "POSTGRES", "FAKE_API", "DASHBOARD")
    ports = {f"METERHOUSE_{service}_PORT": str(free_port()) for service in services}
    return kept | ports | {"METERHOUSE_HOME": str(home)}


@dataclass(frozen=True)
class Demo:
    """A running stack with the invented organization, and all that `make up` said until it was ready."""

    process: subprocess.Popen[bytes]
    said: str
    log: Path
    rest: AirflowRest
    password: str


@pytest.fixture(scope="module")
def demo(home: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The stack of a first `make up` without a key; the tests of this file use it in their order, and one of them stops it."""
    log = tmp_path_factory.mktemp("first") / "up.log"
    with running(environment, log) as (process, said):
        password = json.loads((home / "secrets.json").read_text())["airflow_admin"]
        address = f"http://127.0.0.1:{environment['METERHOUSE_AIRFLOW_PORT']}"
        yield Demo(process, said, log, AirflowRest(address, "admin", password), password)


EMPTY_AT_FIRST = {
    "usage_minutely", "checks", "revisions", "settle_curve", "exchange_rates", "team_assignments", "invoice_lines", "cost_corrections",
    "prepaid_purchases", "prepaid_balance", "price_drift", "forecast_accuracy", "budget_status",
    "cost_anomalies",
}  # fmt: skip


def test_without_a_key_the_demo_organization_is_loaded_by_airflow_and_a_second_terminal_can_use_it(
    demo: Demo, home: Path, environment: dict[str, str]
) -> None:
    for dag in ("openai_directory", "openai_costs", "openai_usage"):
        assert re.search(rf"{dag}: success", demo.said), demo.said
    assert "organization" in demo.said
    assert "demo" in demo.said
    assert "meterhouse purge --organization demo" in demo.said
    stack = StackFile.read(home)
    assert stack.reader_url
    with psycopg.connect(stack.reader_url) as reader:
        for view in VIEW_NAMES:
            row = reader.execute(f"SELECT * FROM bi.{view} LIMIT 1").fetchone()
            # No day was watched while it settled yet, and nobody has brought a file; invented prices are not the vendor's.
            assert row is not None or view in EMPTY_AT_FIRST, view
        assert reader.execute("SELECT DISTINCT organization FROM bi.usage_daily").fetchall() == [("demo",)]
        assert reader.execute("SELECT count(*) FROM bi.coverage WHERE status = 'missing'").fetchone() == (0,)
        named = reader.execute("SELECT count(*) FROM bi.costs_daily WHERE project_id IS NOT NULL AND project_name IS NULL").fetchone()
        assert named == (0,)
    synced = command(environment, "sync", "--only", "images,directory")
    assert (synced.returncode, "demo/images/1d" in synced.stdout) == (0, True), synced.stderr
    again = command(environment, "up")
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1


def test_the_dashboard_shows_what_was_loaded_to_the_cent(demo: Demo, home: Path) -> None:
    address = re.search(r"Dashboard +(\S+)", demo.said)
    assert address, demo.said
    reader_url = StackFile.read(home).reader_url
    assert reader_url
    with psycopg.connect(reader_url) as reader:
        row = reader.execute(
            "SELECT to_char(round(sum(cost_usd), 2), 'FM$999,999,990.00') FROM bi.costs_daily WHERE usage_date > %s - 30",
            [datetime.now(UTC).date()],
        ).fetchone()
    with airflow_ui(address[1]) as ui:
        ui.open("/")
        expect(ui.page.get_by_text(row[0]).first).to_be_visible() if row else pytest.fail("nothing was loaded")
        assert ui.hosts == {urlsplit(address[1]).netloc}


def test_the_checks_run_automatically_after_the_first_load_and_find_nothing(demo: Demo, home: Path, environment: dict[str, str]) -> None:
    ended = until(lambda: demo.rest.runs("warehouse_checks", DONE), "the checks have run")
    assert [run["state"] for run in ended] == ["success"] * len(ended), demo.rest.task_states("warehouse_checks", ended[0]["dag_run_id"])
    checked = command(environment, "check")
    assert checked.returncode == 0, checked.stdout
    reader_url = StackFile.read(home).reader_url
    assert reader_url
    with psycopg.connect(reader_url) as reader:
        assert reader.execute("SELECT count(*) FROM bi.checks WHERE severity = 'fail' AND NOT is_ok").fetchone() == (0,)


@pytest.mark.parametrize("kind", ["weekly", "monthly"])
def test_a_report_that_nobody_asked_for_is_skipped_in_one_line(demo: Demo, home: Path, kind: str) -> None:
    dag = f"{kind}_report"
    (ended,) = until(lambda: demo.rest.runs(dag, DONE), "the last run has ended")
    assert demo.rest.task_states(dag, ended["dag_run_id"]) == dict.fromkeys(("report", "teams", "team_report"), "skipped")
    for task in ("report", "teams"):
        (log,) = (path for path in (home / "logs" / "tasks" / f"dag_id={dag}").rglob("attempt=*.log") if f"task_id={task}" in str(path))
        assert f"METERHOUSE_{kind.upper()}_REPORT_DIR is not set" in log.read_text()
    assert list(home.rglob("meterhouse-20*.html")) == []


def test_spending_is_watched_once_costs_are_loaded(demo: Demo) -> None:
    ended, *_ = until(lambda: demo.rest.runs("spend_watch", DONE), "the run that the load of costs started has ended")
    assert demo.rest.task_states("spend_watch", ended["dag_run_id"]) == {"notices": "success"}


def test_an_operator_who_has_only_the_ui_sees_green_runs_fills_in_a_backfill_and_reads_what_it_did(demo: Demo, tmp_path: Path) -> None:
    pictures = Path(os.environ.get("METERHOUSE_PICTURES", tmp_path))
    with airflow_ui(demo.rest.address) as ui:
        ui.log_in("admin", demo.password)
        ui.open("/dags")
        loads = ("openai_usage", "openai_costs", "openai_directory", "openai_backfill")
        for dag in (*loads, "warehouse_checks", "warehouse_retention", "spend_watch", "weekly_report", "monthly_report"):
            expect(ui.page.get_by_role("link", name=dag, exact=True)).to_be_visible()
        assert {run["state"] for dag in FIRST_DAGS for run in demo.rest.runs(dag)} == {"success"}
        ui.open("/dags/openai_usage")
        for endpoint in USAGE:
            expect(ui.page.get_by_text(endpoint.name, exact=True)).to_be_visible()
        expect(ui.page.get_by_text("Created Asset Events")).to_be_visible()
        ui.page.screenshot(path=pictures / "airflow-grid.png")
        ui.page.get_by_role("button", name="Dag Docs").or_(ui.page.get_by_label("Dag Documentation")).first.click()
        expect(ui.page.get_by_text("When a task fails.")).to_be_visible()

        form = ui.trigger_form("openai_backfill")
        form.locator("#element_from").fill("2026-10-01")
        form.locator("#element_to").fill("2026-10-31")
        ui.page.screenshot(path=pictures / "airflow-backfill.png")
        known = {run["dag_run_id"] for run in demo.rest.runs("openai_backfill")}
        form.get_by_role("button", name="Trigger").last.click()
        (run,) = until(lambda: {one["dag_run_id"] for one in demo.rest.runs("openai_backfill")} - known, "the form has started a run")
        ui.open(ui.run("openai_backfill", run))
        until(lambda: demo.rest.state("openai_backfill", run) in DONE, "the backfill has ended")
        ui.open(ui.run("openai_backfill", run) + "/tasks/load/mapped")
        for endpoint in ENDPOINTS:
            expect(ui.row(f"{endpoint} 2026-10")).to_contain_text("Success")
        ui.open(ui.run("openai_backfill", run) + "/tasks/report/xcom")
        expect(ui.row("windows")).to_contain_text(f"{len(ENDPOINTS)}")
        expect(ui.row("buckets")).to_contain_text(f"{len(ENDPOINTS) * 31}")
        expect(ui.row("rows_removed")).to_contain_text("0")
        unchanged = int(ui.row("rows_unchanged").locator("td").nth(2).inner_text().split()[0])
        assert unchanged > 10_000
        ui.open("/assets")
        ui.page.get_by_role("link", name="bi.costs", exact=True).click()
        expect(ui.page.get_by_text("Source:").first).to_be_visible()
        expect(ui.page.get_by_text("openai_backfill").first).to_be_visible()
        assert ui.hosts == {urlsplit(demo.rest.address).netloc}


def test_the_rest_commands_of_the_page_start_a_backfill_and_report_its_state(demo: Demo) -> None:
    page = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
    (commands, output), *_ = re.findall(r"```bash\n(.*?)```\n\n```\n(.*?)```", page, re.DOTALL)
    variables = {"AIRFLOW": demo.rest.address, "PASSWORD": demo.password, "PATH": os.environ["PATH"]}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], env=variables, capture_output=True, text=True, check=True)
    assert done.stdout == output
    assert "TOKEN" not in done.stdout


def test_a_part_of_airflow_that_dies_is_started_again(demo: Demo, home: Path) -> None:
    (scheduler,) = [part for part in json.loads((home / "processes.json").read_text()) if part["name"] == "airflow-scheduler"]
    os.kill(scheduler["pid"], signal.SIGKILL)
    until(lambda: "airflow-scheduler ended unexpectedly and was started again" in demo.log.read_text(), "it is started again")
    (newer,) = [part for part in json.loads((home / "processes.json").read_text()) if part["name"] == "airflow-scheduler"]
    assert newer["pid"] != scheduler["pid"]
    run = demo.rest.trigger("openai_directory")
    until(lambda: demo.rest.state("openai_directory", run) in DONE, "the new scheduler runs tasks")
    assert demo.rest.state("openai_directory", run) == "success"


def test_ctrl_c_ends_every_process(demo: Demo, home: Path) -> None:
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(timeout=120) == 0
    assert ours(home) == []


def test_with_a_key_the_next_start_goes_on_and_the_key_is_in_no_log_table_or_process_line(
    home: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    # Another one than the trial's, which may not be loaded under a second label.
    organization = FakeOrganization(datetime.now(UTC), seed=11, scale=0.2)
    with FakeServer(organization, admin_key=CANARY) as vendor:
        # The vendor repeats the key that it refuses, as the real one does.
        refusal = {"error": {"message": f"Incorrect API key provided: {CANARY}.", "type": "invalid_request_error", "param": None}}
        vendor.fail_next(1, status=401, body=refusal, path_contains="/usage/images")
        vendor.fail_next(2, kind="truncated", path_contains="/usage/embeddings")
        own = environment | {
            "OPENAI_ADMIN_KEY": CANARY,
            "OPENAI_BASE_URL": vendor.base_url,
            "METERHOUSE_HISTORY_START": (datetime.now(UTC) - timedelta(days=20)).strftime("%Y-%m-%d"),
            "METERHOUSE_HOURLY_HISTORY_DAYS": "2",
        }
        with running(own, tmp_path / "up.log") as (process, said):
            assert "demo" not in said.split("meterhouse is up")[0]
            # The new key is loaded at once, although the trial's runs were green, and what failed is named.
            assert "but the first load failed" in said
            assert "openai_usage: failed" in said
            assert "task images: failed" in said
            assert "openai_costs: success" in said
            assert re.search(r"default costs +[\d,]+ rows", said), said
            assert "The organization demo is invented" in said
            passwords = json.loads((home / "secrets.json").read_text())
            address = f"http://127.0.0.1:{environment['METERHOUSE_AIRFLOW_PORT']}"
            rest = AirflowRest(address, "admin", passwords["airflow_admin"])
            day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            assert set(run_usage(rest, day - timedelta(days=1)).values()) == {"success"}
            refused = command(own | {"OPENAI_ADMIN_KEY": CANARY + "x"}, "sync", "--only", "costs")
            assert refused.returncode == 2
            said_by = {"second terminal": (refused.stdout + refused.stderr).encode(), "make up": (tmp_path / "up.log").read_bytes()}
            lines = "\n".join(ours(home)).encode()
            assert lines
            said_by["process list"] = lines
            stack = StackFile.read(home)
            assert stack.admin_url
            superuser = (
                f"postgresql://meterhouse_admin:{quote(passwords['postgres_superuser'])}@127.0.0.1:{own['METERHOUSE_POSTGRES_PORT']}"
            )
            for database in ("meterhouse", "airflow"):
                said_by[database] = dumped(f"{superuser}/{database}")
            with psycopg.connect(f"{superuser}/meterhouse") as connection:
                labels = connection.execute("SELECT label FROM warehouse.dim_organization ORDER BY 1").fetchall()
            assert ("default",) in labels
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=120) == 0
    logs = [path for path in home.rglob("*") if path.is_file() and (home / "postgres") not in path.parents]
    assert any("task_id=images" in str(path) for path in logs)
    said_by |= {str(path.relative_to(home)): path.read_bytes() for path in logs}
    for place, content in said_by.items():
        for form in forms(CANARY):
            assert form not in content, f"{place} holds the key as {form!r}"
    assert ours(home) == []


def run_usage(rest: AirflowRest, day: datetime) -> dict[str, str]:
    """Run the usage DAG for the day's first hour and return how its tasks ended."""
    run = rest.trigger(
        "openai_usage",
        logical_date=day.isoformat(),
        data_interval_start=day.isoformat(),
        data_interval_end=(day + timedelta(hours=1)).isoformat(),
    )
    deadline = time.monotonic() + 240
    while rest.state("openai_usage", run) not in {"success", "failed"}:
        assert time.monotonic() < deadline, rest.task_states("openai_usage", run)
        time.sleep(1)
    states = rest.task_states("openai_usage", run)
    assert set(states) == {endpoint.name for endpoint in USAGE} | {"allocate", "report"}
    return states


def dumped(url: str) -> bytes:
    """All that a database holds, as its own dump tool writes it."""
    program = wheel_programs() / "bin" / "pg_dump"
    return subprocess.run([program, "--dbname", url], capture_output=True, check=True).stdout


def forms(key: str) -> list[bytes]:
    """The key as it may stand somewhere: as it is, quoted, escaped, in base64 at each alignment, in hex, and its distinctive part."""
    raw = key.encode()
    shifted = [base64.b64encode(b"x" * shift + raw)[4 * (shift > 0) : -4].strip(b"=") for shift in range(3)]
    return [raw, quote(key, safe="").encode(), json.dumps(key)[1:-1].encode(), raw.hex().encode(), raw[:24], raw[-16:], *shifted]
