"""The local Airflow: its metadata schema, its processes, and how they are found healthy and stopped.

Four commands of our own rather than `airflow standalone`, which leaves its children behind when it is stopped.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg

from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.local.airflow_rest import AirflowRest
from meterhouse.local.children import Children
from meterhouse.local.private_files import make_folder, write_private

MIGRATE = "airflow-db-migrate"
# Without log servers, which would listen on all interfaces; everything runs on this machine and reads the files.
COMPONENTS = {
    "airflow-api-server": ("api-server",),
    "airflow-scheduler": ("scheduler", "--skip-serve-logs"),
    "airflow-dag-processor": ("dag-processor",),
}
# The scheduler first: queried together with the others it may wait forever for a worker.
STOP_ORDER = (("airflow-scheduler",), ("airflow-dag-processor", "airflow-api-server"), (MIGRATE,))
HEALTHY_SECONDS = 180
PARSED_SECONDS = 120
MOST_RESTARTS = 3
RESTARTS_WITHIN_SECONDS = 600


class Airflow:
    """One Airflow of local processes, with the environment made by `airflow_environment`."""

    def __init__(self, home: Path, children: Children, environment: Mapping[str, str], database_url: str) -> None:
        self.home = home
        self.rest: AirflowRest | None = None
        self._children = children
        self._environment = environment
        self._database_url = database_url
        self._stamp = home / "airflow" / "migrated.json"
        self._migration: subprocess.Popen[bytes] | None = None
        self._restarts: dict[str, list[float]] = {}

    def begin_migration(self) -> bool:
        """Begin to bring the metadata schema up to date; return False when there is nothing to do, known without a 5 s command."""
        make_folder(self.home / "airflow", 0o700)
        head = self._schema_head()
        if head is not None and self._stamp.exists() and json.loads(self._stamp.read_text()) == self._stamped(head):
            return False
        self._migration = self._children.start(MIGRATE, self._command("db", "migrate"), self._environment)
        return True

    def finish_migration(self) -> None:
        """Wait for the migration that was begun, if one was; raises `TryAgainLater` when it failed."""
        if self._migration is None:
            return
        try:
            status = self._migration.wait()
        finally:
            self._migration = None
            self._children.stop([MIGRATE])
        if status != 0:
            raise TryAgainLater(f"airflow db migrate failed: see {self._children.log_file(MIGRATE)}")
        write_private(self._stamp, json.dumps(self._stamped(self._schema_head())))

    def start(self) -> None:
        """Start the processes, without waiting."""
        for name, arguments in COMPONENTS.items():
            self._children.start(name, self._command(*arguments), self._environment)

    def restart_what_ended(self) -> list[str]:
        """Restart the components that have ended on their own, as they do when their database is away for a moment; return them.

        Raises `TryAgainLater` for one that keeps ending.
        """
        again = [name for name in COMPONENTS if name in self._children.running and self._children.running[name].poll() is not None]
        for name in again:
            now = time.monotonic()
            recent = [moment for moment in self._restarts.get(name, []) if now - moment < RESTARTS_WITHIN_SECONDS]
            if len(recent) >= MOST_RESTARTS:
                raise TryAgainLater(f"{name} has stopped {MOST_RESTARTS + 1} times on its own: see {self._children.log_file(name)}")
            self._restarts[name] = [*recent, now]
            self._children.stop([name])
            self._children.start(name, self._command(*COMPONENTS[name]), self._environment)
        return again

    def wait_until_healthy(self, rest: AirflowRest, progress: Callable[[str], None]) -> None:
        """Wait until every component reports itself healthy and the server proves to be ours."""
        deadline = time.monotonic() + HEALTHY_SECONDS
        while waiting := rest.unhealthy():
            self._require_alive()
            if time.monotonic() > deadline:
                raise TryAgainLater(f"Airflow is not healthy after {HEALTHY_SECONDS} s ({', '.join(waiting)}): {self._logs()}")
            progress(f"waiting for {', '.join(waiting)}")
            time.sleep(0.25)
        self._require_alive()
        try:
            rest.log_in()
        except FixConfiguration as error:
            raise FixConfiguration(f"another Airflow answers at {rest.address}: stop it, or set METERHOUSE_AIRFLOW_PORT") from error
        self.rest = rest

    def wait_until_parsed(self, wanted: tuple[str, ...], rest: AirflowRest, progress: Callable[[str], None]) -> None:
        """Wait until the DAGs in `wanted` are known to the scheduler."""
        deadline = time.monotonic() + PARSED_SECONDS
        while missing := [dag for dag in wanted if dag not in rest.dags()]:
            self._require_alive()
            if errors := rest.import_errors():
                file, trace = next(iter(errors.items()))
                last = trace.strip().splitlines()[-1] if trace.strip() else "unknown"
                raise FixConfiguration(f"Airflow cannot read {file}: {last}")
            if time.monotonic() > deadline:
                raise TryAgainLater(f"Airflow has not found {', '.join(missing)} after {PARSED_SECONDS} s: {self._logs()}")
            progress(f"waiting for {', '.join(missing)}")
            time.sleep(0.5)

    def stop(self) -> None:
        """Stop the processes in order; any that do not end are killed with all their children."""
        for names in STOP_ORDER:
            self._children.stop(names)

    def _command(self, *arguments: str) -> list[str]:
        # The module, not the script: a script's first line breaks when the folder is moved or its path is long.
        return [sys.executable, "-m", "airflow", *arguments]

    def _require_alive(self) -> None:
        if (name := self._children.ended()) is not None:
            raise TryAgainLater(f"{name} ended: see {self._children.log_file(name)}")

    def _logs(self) -> str:
        return f"see {self.home / 'logs'}"

    @staticmethod
    def _stamped(head: str | None) -> dict[str, str | None]:
        return {"airflow": importlib.metadata.version("apache-airflow-core"), "head": head}

    def _schema_head(self) -> str | None:
        try:
            with psycopg.connect(self._database_url, connect_timeout=10) as connection:
                found = connection.execute("SELECT string_agg(version_num, ',' ORDER BY version_num) FROM alembic_version").fetchone()
        except psycopg.errors.UndefinedTable:
            return None
        except psycopg.OperationalError as error:
            raise TryAgainLater(f"Airflow's metadata database does not answer: {type(error).__name__}") from None
        return found[0] if found else None
