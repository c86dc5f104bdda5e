"""A whole stack for one test module: PostgreSQL, Airflow on one executor or the other, its workers, and the vendor in this process.

Each part is a separate process that a test can kill; what ends without having been killed is restarted and recorded, as
`restart: unless-stopped` does in production.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from tests.conftest import Warehouse
from tests.postgres.loaded_organization import LoadedOrganization, organization

from meterhouse.errors import TryAgainLater
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.local import processes
from meterhouse.local.airflow import COMPONENTS, Airflow
from meterhouse.local.airflow_environment import airflow_environment, with_driver
from meterhouse.local.airflow_rest import AirflowRest
from meterhouse.local.children import Children
from meterhouse.local.databases import WAREHOUSE_DATABASE, DatabasePlan, Databases
from meterhouse.local.secrets_file import AIRFLOW_ADMIN, Secrets
from meterhouse.orchestration.pool import POOL, POOL_DESCRIPTION, POOL_SLOTS
from meterhouse.ports import LOOPBACK, free_port
from meterhouse.settings import Settings
from meterhouse.warehouse.migrate import migrate

from .held_vendor import HeldVendor
from .redis_server import NAME as REDIS
from .redis_server import Redis
from .variations import BACKFILL, FIRST_DAGS, Variation, impatient_dags, modules

WORKERS = ("worker-a", "worker-b")
SCHEDULER = "airflow-scheduler"
HISTORY_DAYS = 20
# Seconds without a sign of life until a task counts as lost. Airflow's default is 300.
HEARTBEAT_TIMEOUT_SECONDS = 30
CELERY = {
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
    # Longer than any task may run: a message is not handed to a second worker while the first one works on it.
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
}


class Rest(AirflowRest):
    """What the UI shows of single tasks: tries, states, hosts."""

    def tasks(self, dag: str, run: str) -> list[dict[str, Any]]:
        """Return the newest try of each task of a run."""
        path = f"/api/v2/dags/{quote(dag)}/dagRuns/{quote(run, safe='')}/taskInstances?limit=100"
        found: list[dict[str, Any]] = self._get(path)["task_instances"]
        return found

    def tries(self, dag: str, run: str, task: dict[str, Any]) -> list[dict[str, Any]]:
        """Return every try of one task, the first one first."""
        index = f"/{task['map_index']}" if task["map_index"] >= 0 else ""
        path = f"/api/v2/dags/{quote(dag)}/dagRuns/{quote(run, safe='')}/taskInstances/{quote(task['task_id'])}{index}/tries"
        found: list[dict[str, Any]] = self._get(path)["task_instances"]
        return sorted(found, key=lambda one: one["try_number"])

    def pause(self, dag: str) -> None:
        """Let the schedule start no further run."""
        self._get(f"/api/v2/dags/{quote(dag)}?update_mask=is_paused", method="PATCH", body={"is_paused": True})


class Stack:
    """What runs, and what a test may do to it."""

    def __init__(self, home: Path, executor: str, variation: Variation) -> None:
        self.home = home
        self.variation = variation
        self.celery = executor == "celery"
        self.children = Children(home)
        # What ended without having been asked to, in the order of its restarts.
        self.restarted: list[str] = []
        self.begun = time.monotonic()
        self.environments: dict[str, dict[str, str]] = {}
        self._commands: dict[str, list[str]] = {}

    def start(self, opened: ExitStack) -> None:
        """Start everything, and have it stopped when `opened` closes."""
        self.fake = fake = FakeOrganization(datetime.now(UTC) - self.variation.behind, scale=0.15)
        self.vendor = HeldVendor(fake)
        server = opened.enter_context(FakeServer(self.vendor))
        secrets = Secrets.load(self.home)
        secrets.write_airflow_passwords(self.home)
        settings = Settings(home=self.home, postgres_port=free_port())
        self.databases = Databases(settings, DatabasePlan(None, None, None), secrets)
        opened.callback(self.databases.stop)
        self.databases.start()
        migrate(self.databases.owner_url)
        self.databases.open_warehouse()
        assert self.databases.server is not None
        self.server = self.databases.server
        reader = self.databases.reader_url
        assert reader is not None
        warehouse = Warehouse(self.databases.owner_url, self.databases.loader_url, reader, self.server.url(WAREHOUSE_DATABASE))
        self.loaded = LoadedOrganization(fake, server, warehouse)
        port = free_port()
        self.environment = airflow_environment(
            outer={
                **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ},
                "METERHOUSE_HISTORY_START": self.day(-HISTORY_DAYS).isoformat(),
                "METERHOUSE_HOURLY_HISTORY_DAYS": "2",
                **self.variation.outer,
            },
            home=self.home,
            dags=impatient_dags(self.home / "dags", self.variation),
            executables=Path(sys.executable).parent,
            port=port,
            database_url=self.databases.airflow_url,
            warehouse_url=self.databases.loader_url,
            organizations=(organization(server),),
            secrets=secrets,
        )
        self.environment |= {
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(HEARTBEAT_TIMEOUT_SECONDS),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
            **modules(self.home / "modules", self.variation),
            **self.variation.environment,
        }
        opened.callback(self.children.forget)
        opened.callback(lambda: self.children.stop([name for name in self.children.running if name != SCHEDULER]))
        if self.celery:
            self.redis = redis = Redis(self.home / "redis", self.children)
            redis.start()
            self.environment |= CELERY | {
                "AIRFLOW__CELERY__BROKER_URL": redis.url,
                "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{with_driver(self.databases.airflow_url, 'psycopg2')}",
            }
        self.airflow = Airflow(self.home, self.children, self.environment, self.databases.airflow_url)
        self.airflow.begin_migration()
        self.airflow.finish_migration()
        opened.callback(lambda: self.children.stop([SCHEDULER]))
        self.rest = Rest(f"http://{LOOPBACK}:{port}", AIRFLOW_ADMIN, secrets.airflow_admin)
        for name, arguments in COMPONENTS.items():
            self._prepare(name, *arguments)
        for name in WORKERS if self.celery else ():
            pid_file = str(self.home / f"{name}.pid")
            # Without the log server, which would listen on all interfaces: everything here reads the same files.
            self._prepare(name, "celery", "worker", "--celery-hostname", f"{name}@test", "--pid", pid_file, "--skip-serve-logs")
        for name in self._commands:
            self.begin(name)
        self.airflow.wait_until_healthy(self.rest, lambda _: None)
        # Before the first DAG is known, so that no task has to wait for it.
        self.rest.ensure_pool(POOL, POOL_SLOTS, POOL_DESCRIPTION)
        self.airflow.wait_until_parsed(FIRST_DAGS, self.rest, lambda _: None)
        for name in WORKERS if self.celery else ():
            self.until(f"{name} is ready", 120, lambda name=name: "ready." in self.log(name))

    def _prepare(self, name: str, *arguments: str) -> None:
        self._commands[name] = [sys.executable, "-m", "airflow", *arguments]
        self.environments[name] = self.environment | {"METERHOUSE_TEST_HOST": name}

    def begin(self, name: str) -> None:
        """Start a component, as its supervisor would."""
        self.children.start(name, self._commands[name], self.environments[name])

    def kill(self, name: str) -> None:
        """Kill a component with all its processes at once, as a machine that loses its power does."""
        child = self.children.running[name]
        assert child.poll() is None
        deadline = time.monotonic() + 20
        # One of them may have started another one meanwhile.
        while members := processes.session_members(child.pid):
            assert time.monotonic() < deadline, members
            for pid in members:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        self.children.stop([name])

    def freeze(self, name: str) -> None:
        """Let a component stand still with all its processes, as a machine does whose disk hangs."""
        for pid in processes.session_members(self.children.running[name].pid):
            os.kill(pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let a frozen component go on where it stood."""
        for pid in processes.session_members(self.children.running[name].pid):
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def asked_to_end(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """Send a component what `docker stop` sends it, and yield its process; whatever is left of it goes with the block."""
        # No longer among the running ones, so nobody starts it again.
        child = self.children.running.pop(name)
        child.send_signal(signal.SIGTERM)
        try:
            yield child
        finally:
            self.children.running[name] = child
            self.children.stop([name])

    def supervise(self) -> None:
        """Restart what has ended on its own, and record it."""
        while (name := self.children.ended()) is not None:
            assert name != REDIS, self.log(name)
            self.children.stop([name])
            self.restarted.append(name)
            self.begin(name)

    def restart_database(self, down_seconds: float) -> None:
        """Stop PostgreSQL as an operator does (fast: connections are cut), leave it down for a moment, and start it again."""
        self.server.stop()
        assert not self.server.is_running()
        time.sleep(down_seconds)
        self.server.start()

    def day(self, days: int) -> date:
        """A day counted from the vendor's today."""
        return self.loaded.today + timedelta(days=days)

    def log(self, name: str) -> str:
        """What a component has said so far."""
        return self.children.log_file(name).read_text(errors="replace")

    def task_log(self, run: str, attempt: int) -> str:
        """What the tasks of a backfill have logged in one of their tries, from the files."""
        folder = self.home / "logs" / "tasks" / f"dag_id={BACKFILL}" / f"run_id={run}"
        return "\n".join(file.read_text(errors="replace") for file in folder.rglob(f"attempt={attempt}.log"))

    def pids(self) -> list[int]:
        """Every process of the stack but this one's."""
        return [pid for child in self.children.running.values() for pid in processes.session_members(child.pid)]

    def begin_worker(self, name: str) -> None:
        """Start a worker again and wait until it takes tasks."""
        before = self.log(name).count("ready.")
        self.begin(name)
        self.until(f"{name} is back", 120, lambda: self.log(name).count("ready.") > before)

    def until(self, what: str, seconds: float, reached: Callable[[], Any]) -> Any:
        """Wait until `reached` returns something true, and return that; a server that is away for a moment may come back."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if found := reached():
                    return found
            except (TryAgainLater, psycopg.OperationalError):
                pass
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}; {self.state()}"
            self.supervise()
            time.sleep(0.25)

    def state(self) -> str:
        """What Airflow shows of the newest backfill, and what its processes said last, for the message of a failed test."""
        try:
            runs = self.rest.runs(BACKFILL)
            shown = self.rest.task_states(BACKFILL, runs[0]["dag_run_id"]) if runs else {}
        except TryAgainLater as error:
            shown = {"REST": str(error)}
        said = "\n".join(f"{name}: {line}" for name in self.children.running for line in self.log(name).splitlines()[-5:])
        return f"backfill: {shown}; started again: {self.restarted}\n{said}"

    def backfill(self, first: date, last: date, endpoints: list[str]) -> str:
        """Trigger the backfill DAG as an operator does and return the run's id."""
        return self.rest.trigger(BACKFILL, conf={"from": first.isoformat(), "to": last.isoformat(), "endpoints": endpoints})

    def until_green(self, dag: str, run: str, seconds: float = 240) -> list[dict[str, Any]]:
        """Wait for the end of a run and return its tasks; every other outcome than success fails."""
        state = self.until(f"{dag} {run} ends", seconds, lambda: (s := self.rest.state(dag, run)) in {"success", "failed"} and s)
        tasks = self.rest.tasks(dag, run)
        states = {f"{task['task_id']}[{task['map_index']}]": task["state"] for task in tasks}
        assert state == "success", states
        assert set(states.values()) == {"success"}, states
        return tasks

    def windows_loaded(self, endpoint: str, first: date, last: date) -> list[date]:
        """The starts of the windows within some days that the warehouse has committed for an endpoint."""
        found = self.loaded.query(
            "SELECT DISTINCT window_start FROM ops.load_log WHERE endpoint = %s AND bucket_width = 1440"
            " AND window_start >= %s AND window_end <= %s ORDER BY 1",
            [endpoint, midnight(first), midnight(last + timedelta(days=1))],
        )
        return [start.date() for (start,) in found]

    def times_asked(self, endpoint_path: str, start: date) -> int:
        """How often a load has asked the vendor for the first page of the window that begins at `start`."""
        wanted = [str(int(midnight(start).timestamp()))]
        return sum(
            request.path == f"/v1{endpoint_path}" and request.values("start_time") == wanted and not request.values("page")
            for request in self.loaded.server.requests
        )


def midnight(day: date) -> datetime:
    """The start of a UTC day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@contextmanager
def running_stack(executor: str, variation: Variation | None = None) -> Iterator[Stack]:
    """A stack that is healthy, and gone without a trace when the block ends."""
    with tempfile.TemporaryDirectory(prefix=f"meterhouse-{executor}-", ignore_cleanup_errors=True) as name:
        # The server's account must be able to enter.
        Path(name).chmod(0o711)
        with ExitStack() as opened:
            stack = Stack(Path(name) / "home", executor, variation or Variation())
            stack.start(opened)
            yield stack
        assert left_behind(name) == []


def left_behind(folder: str) -> list[str]:
    """Command lines of living processes that were started for a folder (Linux)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if folder in line or folder.encode() in (process / "environ").read_bytes():
                found.append(line)
        except OSError:
            continue
    return found
