"""`meterhouse up`: the whole stack with one command, step by step, watched until Ctrl-C, and stopped without a trace."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path

from meterhouse.admin_keys import AdminKey, Organization
from meterhouse.checkout import folder_beside
from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.labels import DEMO_LABEL
from meterhouse.local import dashboard, interrupts, stand_in
from meterhouse.local.airflow import Airflow
from meterhouse.local.airflow_environment import airflow_environment
from meterhouse.local.airflow_rest import AirflowRest
from meterhouse.local.banner import banner
from meterhouse.local.children import Children, recorded
from meterhouse.local.console import Console
from meterhouse.local.databases import AIRFLOW_DATABASE_VARIABLE, DatabasePlan, Databases
from meterhouse.local.down import PARENT, clear_leftovers
from meterhouse.local.first_load import FIRST_DAGS, FirstRun, first_load, never_loaded
from meterhouse.local.one_at_a_time import one_at_a_time
from meterhouse.local.secrets_file import AIRFLOW_ADMIN, Secrets
from meterhouse.orchestration.pool import POOL, POOL_DESCRIPTION, POOL_SLOTS
from meterhouse.ports import LOOPBACK, require_free
from meterhouse.settings import Settings
from meterhouse.stack_file import StackFile


def up(settings: Settings) -> int:
    """Bring the stack up, stay until Ctrl-C or SIGTERM, stop it; return 0, or raise when a step fails or a process dies."""
    console = Console()
    with interrupts.as_exception():
        try:
            with one_at_a_time(settings.home):
                stack = Stack(settings, console)
                try:
                    stack.bring_up()
                    stack.watch()
                finally:
                    # A second Ctrl-C must not cut this short.
                    interrupts.stopping()
                    stack.stop()
        except interrupts.Interrupted:
            console.line("stopped by request")
    return 0


class Stack:
    """The steps of `up`, and what they started."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings = settings
        self._console = console
        self._home = settings.home
        self._organizations = tuple(one for one in settings.organizations if one.label != DEMO_LABEL)
        self._demo = not self._organizations
        self._plan = DatabasePlan.of(settings, settings.airflow_db_url)
        self._secrets = Secrets.load(settings.home)
        if self._demo:
            address = stand_in.base_url(settings.fake_api_port)
            self._organizations = (Organization(DEMO_LABEL, AdminKey(self._secrets.fake_api_key), address),)
        self._databases = Databases(settings, self._plan, self._secrets)
        self._children = Children(settings.home)
        self._airflow: Airflow | None = None
        self._runs: list[FirstRun] = []
        self._stack_file = StackFile()

    def bring_up(self) -> None:
        """Start everything, one step after the other."""
        step = self._console.step
        if recorded(self._home):
            with step("stopped what a killed start left"):
                clear_leftovers(self._settings)
        with step("checked: Airflow installed, ports free"):
            self._check()
        if self._plan.embedded:
            with step("embedded PostgreSQL"), interrupts.held():
                self._databases.start()
        if self._databases.server is not None and self._databases.server.notice:
            self._console.line(f"         {self._databases.server.notice}")
        airflow, rest = self._make_airflow()
        # Beside the warehouse's migrations and our own servers: each of them keeps only one core busy.
        is_first_start = airflow.begin_migration()
        with step("warehouse tables and views"):
            self._migrate_warehouse()
        if self._demo:
            with step("stand-in API (no OPENAI_ADMIN_KEY is set)"):
                self._start_stand_in()
        self._write_stack_file()
        with step("dashboard"):
            self._start_dashboard()
        with step("Airflow's own tables") as progress:
            airflow.finish_migration()
            progress("first start" if is_first_start else "unchanged")
        with step("Airflow healthy") as progress:
            airflow.start()
            airflow.wait_until_healthy(rest, progress)
            rest.ensure_pool(POOL, POOL_SLOTS, POOL_DESCRIPTION)
        with step("DAGs parsed") as progress:
            airflow.wait_until_parsed(FIRST_DAGS, rest, progress)
        with step("first load, run by Airflow") as progress:
            newcomers = never_loaded(self._databases.loader_url, [organization.label for organization in self._organizations])
            self._runs = first_load(rest, progress, self._require_alive, newcomers=newcomers)
        for text in self._banner(rest):
            self._console.line(text)

    def watch(self) -> None:
        """Wait for Ctrl-C; restart an Airflow process that ended on its own, and raise when anything else ends."""
        while True:
            server = self._databases.server
            if server is not None and not server.is_running():
                raise TryAgainLater(f"the embedded PostgreSQL ended: see {server.log_file}")
            for name in self._airflow.restart_what_ended() if self._airflow is not None else ():
                self._console.line(f"{name} ended unexpectedly and was started again: see {self._children.log_file(name)}")
            ours = {dashboard.NAME: self._start_dashboard} | ({stand_in.NAME: self._start_stand_in} if self._demo else {})
            for name, start in ours.items():
                if self._children.running[name].poll() is not None:
                    self._children.stop([name])
                    start()
                    self._console.line(f"{name} ended unexpectedly and was started again: see {self._children.log_file(name)}")
            self._require_alive()
            time.sleep(1)

    def stop(self) -> None:
        """Stop whatever is running, last started first; safe after any step."""
        if not self._children.running and self._databases.server is None:
            self._children.forget()
            return
        self._console.line("stopping; a task that is loading gets 15 s to end, and what it has not committed is loaded next time")
        with self._console.step("stopped"):
            if self._airflow is not None:
                self._airflow.stop()
            self._children.stop(list(self._children.running))
            self._databases.stop()
            self._children.forget()

    def _check(self) -> None:
        if importlib.util.find_spec("airflow") is None:
            raise FixConfiguration("Airflow is not installed here: run make install, or pip install 'meterhouse[airflow,local]'")
        clear_leftovers(self._settings)
        self._children.record_self(PARENT)
        self._require_different_ports()
        require_free(self._settings.airflow_port, "Airflow", "METERHOUSE_AIRFLOW_PORT")
        require_free(self._settings.dashboard_port, "the dashboard", "METERHOUSE_DASHBOARD_PORT")
        if self._plan.embedded:
            require_free(self._settings.postgres_port, "the embedded PostgreSQL", "METERHOUSE_POSTGRES_PORT")
        if self._demo:
            require_free(self._settings.fake_api_port, "the stand-in API", "METERHOUSE_FAKE_API_PORT")

    def _require_different_ports(self) -> None:
        ports = {
            "METERHOUSE_AIRFLOW_PORT": self._settings.airflow_port,
            "METERHOUSE_POSTGRES_PORT": self._settings.postgres_port,
            "METERHOUSE_FAKE_API_PORT": self._settings.fake_api_port,
            "METERHOUSE_DASHBOARD_PORT": self._settings.dashboard_port,
        }
        if same := [name for name, port in ports.items() if list(ports.values()).count(port) > 1]:
            raise FixConfiguration(f"{' and '.join(same)} are the same port: set one of them to another")

    def _migrate_warehouse(self) -> None:
        # Only here: alembic and pandas take a second to import, and a busy port should be reported at once.
        from meterhouse.load.followed import follow_upgrade  # noqa: PLC0415
        from meterhouse.warehouse.migrate import migrate  # noqa: PLC0415

        migrate(self._databases.owner_url)
        follow_upgrade(self._databases.owner_url)
        self._databases.open_warehouse()

    def _start_stand_in(self) -> None:
        stand_in.start_stand_in(self._children, self._settings.fake_api_port, self._secrets.fake_api_key)

    def _start_dashboard(self) -> None:
        dashboard.start_dashboard(self._children, self._settings.dashboard_port, self._databases.reader_url or self._databases.loader_url)

    def _write_stack_file(self) -> None:
        own_server = self._plan.warehouse_url is not None
        StackFile(
            admin_url=None if own_server else self._databases.owner_url,
            loader_url=None if own_server else self._databases.loader_url,
            reader_url=self._databases.reader_url,
            fake_api_url=stand_in.base_url(self._settings.fake_api_port) if self._demo else None,
            fake_api_key=self._secrets.fake_api_key if self._demo else None,
            airflow_url=self._address(),
        ).write(self._home)

    def _make_airflow(self) -> tuple[Airflow, AirflowRest]:
        self._secrets.write_airflow_passwords(self._home)
        environment = airflow_environment(
            outer=os.environ,
            home=self._home,
            dags=folder_beside("dags"),
            executables=Path(sys.executable).parent,
            port=self._settings.airflow_port,
            database_url=self._databases.airflow_url,
            warehouse_url=self._databases.loader_url,
            organizations=self._organizations,
            secrets=self._secrets,
        )
        self._airflow = Airflow(self._home, self._children, environment, self._databases.airflow_url)
        return self._airflow, AirflowRest(self._address(), AIRFLOW_ADMIN, self._secrets.airflow_admin)

    def _address(self) -> str:
        return f"http://{LOOPBACK}:{self._settings.airflow_port}"

    def _require_alive(self) -> None:
        if (name := self._children.ended()) is not None:
            raise TryAgainLater(f"{name} ended unexpectedly: see {self._children.log_file(name)}")

    def _banner(self, rest: AirflowRest) -> list[str]:
        notes = []
        if self._plan.warehouse_url is not None and self._plan.airflow_url is None:
            notes.append(f"The embedded PostgreSQL serves only Airflow's own tables; {AIRFLOW_DATABASE_VARIABLE} would replace it.")
        return banner(
            airflow_url=rest.address,
            dashboard_url=dashboard.address(self._settings.dashboard_port),
            airflow_user=AIRFLOW_ADMIN,
            airflow_password=self._secrets.airflow_admin,
            warehouse_url=self._databases.reader_url,
            notes=notes,
            runs=self._runs,
            demo=self._demo,
            seconds=self._console.total(),
            logs=str(self._home / "logs"),
        )
