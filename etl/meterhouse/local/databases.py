"""Which databases the local stack uses: the caller's own where one is named, the embedded server for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meterhouse.local.secrets_file import Secrets
from meterhouse.settings import Settings
from meterhouse.stack_file import StackFile

if TYPE_CHECKING:
    from meterhouse.local.postgres import EmbeddedPostgres

AIRFLOW_DATABASE_VARIABLE = "METERHOUSE_AIRFLOW_DB_URL"
WAREHOUSE_DATABASE = "meterhouse"
AIRFLOW_DATABASE = "airflow"
OWNER_ROLE = "meterhouse_owner"
LOADER_ROLE = "meterhouse_loader"
READER_ROLE = "meterhouse_reader"
DATA_FOLDER = "postgres"


@dataclass(frozen=True)
class DatabasePlan:
    """What the caller brought: None where the embedded server serves."""

    warehouse_url: str | None
    migrate_url: str | None
    airflow_url: str | None

    @property
    def embedded(self) -> bool:
        """Tell whether anything needs the embedded server."""
        return self.warehouse_url is None or self.airflow_url is None

    @classmethod
    def of(cls, settings: Settings, airflow_url: str | None) -> DatabasePlan:
        """Tell the caller's own warehouse from the embedded one, whose address an earlier start left in the stack's file."""
        own = settings.warehouse_url
        if own is None or own == StackFile.read(settings.home).loader_url:
            return cls(None, None, airflow_url)
        return cls(own, settings.require_migrate_url(), airflow_url)


class Databases:
    """The databases of a running stack."""

    def __init__(self, settings: Settings, plan: DatabasePlan, secrets: Secrets) -> None:
        self.plan = plan
        self.server: EmbeddedPostgres | None = None
        self._settings = settings
        self._secrets = secrets

    def start(self) -> None:
        """Start the embedded server and make what is missing on it."""
        from meterhouse.local.roles import allow_only, give_login  # noqa: PLC0415 - only where the embedded server is used

        self.server = server = embedded_server(self._settings, self._secrets)
        server.initialise()
        server.start()
        allow_only(server.url(), "postgres", [])
        if self.plan.airflow_url is None:
            give_login(server.url(), AIRFLOW_DATABASE, self._secrets.postgres_airflow)
            server.ensure_database(AIRFLOW_DATABASE, owner=AIRFLOW_DATABASE)
        if self.plan.warehouse_url is None:
            # Not a superuser: the migrations run here as they would on anybody's server.
            give_login(server.url(), OWNER_ROLE, self._secrets.postgres_owner, creates_roles=True)
            server.ensure_database(WAREHOUSE_DATABASE, owner=OWNER_ROLE)

    def open_warehouse(self) -> None:
        """Let loader and reader log in; the migrations made the roles."""
        if self.server is not None and self.plan.warehouse_url is None:
            from meterhouse.local.roles import allow_only, give_login  # noqa: PLC0415 - as above
            from meterhouse.warehouse.harden import harden  # noqa: PLC0415 - as above

            give_login(self.server.url(), LOADER_ROLE, self._secrets.postgres_loader)
            give_login(self.server.url(), READER_ROLE, self._secrets.postgres_reader)
            allow_only(self.server.url(), WAREHOUSE_DATABASE, [LOADER_ROLE, READER_ROLE])
            harden(self.server.url(WAREHOUSE_DATABASE))

    def stop(self) -> None:
        """Stop the embedded server, if it was started."""
        if self.server is not None:
            self.server.stop()

    @property
    def owner_url(self) -> str:
        """The warehouse as the role that owns it."""
        return self.plan.migrate_url or self._embedded().url(WAREHOUSE_DATABASE, OWNER_ROLE, self._secrets.postgres_owner)

    @property
    def loader_url(self) -> str:
        """The warehouse as the role that loads."""
        return self.plan.warehouse_url or self._embedded().url(WAREHOUSE_DATABASE, LOADER_ROLE, self._secrets.postgres_loader)

    @property
    def reader_url(self) -> str | None:
        """The warehouse as the role that reads; unknown for the caller's own server."""
        if self.plan.warehouse_url is not None:
            return None
        return self._embedded().url(WAREHOUSE_DATABASE, READER_ROLE, self._secrets.postgres_reader)

    @property
    def airflow_url(self) -> str:
        """Airflow's own database."""
        return self.plan.airflow_url or self._embedded().url(AIRFLOW_DATABASE, AIRFLOW_DATABASE, self._secrets.postgres_airflow)

    def _embedded(self) -> EmbeddedPostgres:
        assert self.server is not None, "start() comes first"  # noqa: S101
        return self.server


def embedded_server(settings: Settings, secrets: Secrets) -> EmbeddedPostgres:
    """Return the stack's server, not started."""
    # With both databases provided, neither the wheel nor this import is needed.
    from meterhouse.local.postgres import EmbeddedPostgres  # noqa: PLC0415

    return EmbeddedPostgres(data_folder(settings.home), settings.postgres_port, password=secrets.postgres_superuser)


def data_folder(home: Path) -> Path:
    """Return where the embedded server's data is wanted."""
    return home / DATA_FOLDER
