"""The one door for writes: a connection as the loader, with organizations, watermarks, capabilities, the run log and staging.

`replace_window` in the design is `Store.stage(...)`, `Stage.collect(...)` for every page and `Stage.replace(...)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from meterhouse.catalogue.endpoints import BucketWidth, Dimension, Endpoint
from meterhouse.catalogue.vendors import Vendor
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration, MeterhouseError
from meterhouse.load.chain import StoredBucket
from meterhouse.load.claimed_alerts import ClaimedAlerts
from meterhouse.load.names_history import RUN_COMMAND, Listing, NamesHistory, NamesReplaced
from meterhouse.load.organizations import Organizations
from meterhouse.load.staging import Stage
from meterhouse.load.statements import purge_statements
from meterhouse.load.stream import Stream
from meterhouse.warehouse.allocation import allocate
from meterhouse.warehouse.database import MIGRATE_REMEDY, connect, translated
from meterhouse.warehouse.database_errors import failed_statement
from meterhouse.warehouse.rollups import fill
from meterhouse.warehouse.schema import PROJECT_NAMES, SCHEMA_REVISION
from meterhouse.warehouse.session import LOAD, Purpose
from meterhouse.windows import Window

_START_RUN = """
INSERT INTO ops.run_log (command, parameters, status, started_at, server_session)
SELECT %s, %s, 'running', %s, concat_ws(' ', a.pid, a.backend_start)
FROM pg_catalog.pg_stat_activity a WHERE a.pid = pg_backend_pid()
RETURNING run_id
"""
# Of another role's session only the process is shown.
_RESUME_RUN = """
UPDATE ops.run_log r SET status = 'running', server_session = concat_ws(' ', own.pid, own.backend_start)
FROM pg_catalog.pg_stat_activity own
WHERE own.pid = pg_backend_pid()
AND r.run_id = (SELECT max(run_id) FROM ops.run_log WHERE command = %s AND parameters = %s)
AND r.started_at > %s AND r.started_at <= %s AND r.status <> 'done'
AND NOT (
    r.status = 'running'
    AND EXISTS (
        SELECT FROM pg_catalog.pg_stat_activity a
        WHERE a.pid::text = split_part(r.server_session, ' ', 1)
        AND (a.backend_start IS NULL OR concat_ws(' ', a.pid, a.backend_start) = r.server_session)
    )
)
RETURNING r.run_id
"""

_FORGET_ALLOCATED: LiteralString = """
WITH judged AS (DELETE FROM ops.judged_days)
DELETE FROM ops.allocated_days a
WHERE NOT EXISTS (
    SELECT FROM ops.coverage c
    WHERE c.organization_id = a.organization_id AND c.endpoint = 'costs' AND c.bucket_width = 1440 AND c.finality = 'invoiced'
        AND c.bucket_start = a.usage_date::timestamp AT TIME ZONE 'UTC'
)
"""


@dataclass(frozen=True)
class Capability:
    """Whether an organization offers something, what the vendor said, and when that was found out."""

    is_supported: bool
    detail: str | None
    probed_at: datetime


class Store:
    """A connection to the warehouse as the loader. Use as a context manager."""

    def __init__(self, url: str, purpose: Purpose = LOAD) -> None:
        self.connection = connect(url, purpose)
        self.organizations = Organizations(self.connection)
        self.alerts = ClaimedAlerts(self.connection)
        self._organization_ids: dict[str, int] = {}
        self._partitions: set[tuple[str, datetime]] = set()
        try:
            self._require_current_schema()
        except MeterhouseError:
            self.connection.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.connection.close()
        if isinstance(error, psycopg.Error):
            raise failed_statement("the warehouse", error) from None

    def give_up(self) -> None:
        """End the session from another thread; whatever it waits for fails, and nothing more is written."""
        self.connection.give_up()

    def _require_current_schema(self) -> None:
        try:
            found = self._value("SELECT version_num FROM ops.alembic_version")
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            found = None
        except psycopg.errors.InsufficientPrivilege:
            raise FixConfiguration("the role of WAREHOUSE_URL may not read the warehouse: grant it meterhouse_loader") from None
        except psycopg.Error as error:
            raise failed_statement("the warehouse's version", error) from None
        if found is None:
            raise FixConfiguration(f"the warehouse is empty: {MIGRATE_REMEDY}")
        if found != SCHEMA_REVISION:
            raise FixConfiguration(f"the warehouse is at migration {found}, this version needs {SCHEMA_REVISION}: {MIGRATE_REMEDY}")

    def _value(self, query: LiteralString, parameters: Sequence[Any] = ()) -> Any:
        row = self.connection.execute(query, parameters).fetchone()
        return row[0] if row else None

    def next_fetch_number(self) -> int:
        """Draw the place of a fetch in the order of all fetches; draw it before the first page is asked for."""
        with translated("fetch number"):
            return int(self._value("SELECT nextval('ops.fetch_number')"))

    def organization_id(self, label: str, *, create_for: Vendor | None = None) -> int | None:
        """Return the key of an organization, None when it was never loaded and is not to be created for a vendor."""
        if label not in self._organization_ids:
            found = self.organizations.key(label, create_for=create_for)
            if found is None:
                return None
            self._organization_ids[label] = found
        return self._organization_ids[label]

    def watermark(self, stream: Stream) -> datetime | None:
        """Return the instant before which the stream was loaded, None before its first load."""
        with translated(str(stream)):
            watermark = self._value(
                "SELECT watermark FROM ops.watermarks JOIN warehouse.dim_organization USING (organization_id)"
                " WHERE label = %s AND endpoint = %s AND bucket_width = %s",
                (stream.organization, stream.endpoint.name, stream.width.minutes),
            )
        return watermark if isinstance(watermark, datetime) else None

    def capabilities(self, organization: str, endpoint: Endpoint) -> dict[str, Capability]:
        """Return what is known of an endpoint's capabilities, by name."""
        with translated("capabilities"):
            rows = self.connection.execute(
                "SELECT capability, is_supported, detail, probed_at FROM ops.capabilities"
                " JOIN warehouse.dim_organization USING (organization_id) WHERE label = %s AND endpoint = %s",
                (organization, endpoint.name),
            ).fetchall()
        return {name: Capability(supported, detail, probed_at) for name, supported, detail, probed_at in rows}

    def remember_capability(self, organization: str, endpoint: Endpoint, name: str, capability: Capability) -> None:
        """Record a finding; an equal one changes only the date of a refusal."""
        with translated("capabilities"):
            self.connection.execute(
                "INSERT INTO ops.capabilities (organization_id, endpoint, capability, is_supported, detail, probed_at)"
                " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (organization_id, endpoint, capability)"
                " DO UPDATE SET is_supported = excluded.is_supported, detail = excluded.detail, probed_at = excluded.probed_at",
                (
                    self.organization_id(organization, create_for=endpoint.vendor),
                    endpoint.name,
                    name,
                    capability.is_supported,
                    capability.detail,
                    capability.probed_at,
                ),
            )

    def start_run(self, command: str, parameters: Mapping[str, Any], now: datetime) -> int:
        """Open an entry of the run log and return its key."""
        with translated("run log"):
            return int(self._value(_START_RUN, (command, Jsonb(dict(parameters)), now)))

    def resume_run(self, command: str, parameters: Mapping[str, Any], since: datetime, now: datetime) -> int | None:
        """Take over the newest run of the same command and parameters, begun after `since`, if it did not finish and is not still running.

        One that was begun after `now` had a clock that was wrong, so nobody knows how old it is. Return the run's key; None when there is
        nothing to resume.
        """
        with translated("run log"):
            found = self._value(_RESUME_RUN, (command, Jsonb(dict(parameters)), since, now))
        return None if found is None else int(found)

    def finish_run(self, run_id: int, status: str, now: datetime, error: str | None = None) -> None:
        """Close an entry of the run log."""
        with translated("run log"):
            self.connection.execute(
                "UPDATE ops.run_log SET status = %s, finished_at = %s, error = %s WHERE run_id = %s", (status, now, error, run_id)
            )

    def loaded_windows(self, run_id: int, stream: Stream) -> set[Window]:
        """Return the windows that a run has committed whole for a stream: over by then, and without a missing bucket."""
        with translated("load log"):
            rows = self.connection.execute(
                "SELECT window_start, window_end FROM ops.load_log JOIN warehouse.dim_organization USING (organization_id)"
                " JOIN ops.run_log USING (run_id)"
                " WHERE run_id = %s AND label = %s AND endpoint = %s AND bucket_width = %s"
                " AND missing_buckets IS NULL AND window_end <= started_at",
                (run_id, stream.organization, stream.endpoint.name, stream.width.minutes),
            ).fetchall()
        return {Window(start, end) for start, end in rows}

    def stage(self, stream: Stream, dimensions: tuple[Dimension, ...]) -> Stage:
        """Begin to collect the rows of one window of `stream`, grouped by `dimensions`."""
        organization_id = self.organization_id(stream.organization, create_for=stream.endpoint.vendor)
        return Stage(self.connection, stream, int(organization_id or 0), dimensions, self.ensure_partition)

    def stored_buckets(self, stream: Stream, window: Window) -> dict[bytes, StoredBucket]:
        """Return the buckets of `window` that the warehouse holds as they were answered, by the digest of their text."""
        with translated(str(stream)):
            rows = self.connection.execute(
                "SELECT c.bucket_start, c.reported_start, c.reported_end, c.row_count, c.content_digest"
                " FROM ops.coverage c JOIN warehouse.dim_organization USING (organization_id)"
                " WHERE label = %s AND c.endpoint = %s AND c.bucket_width = %s AND c.bucket_start >= %s AND c.bucket_start < %s"
                " AND c.content_digest IS NOT NULL",
                (stream.organization, stream.endpoint.name, stream.width.minutes, window.start, window.end),
            ).fetchall()
        return {bucket.digest: bucket for bucket in (StoredBucket(*row) for row in rows)}

    def ensure_partition(self, endpoint: Endpoint, start: datetime) -> None:
        """Make the monthly partition that holds `start`, if it is not there."""
        month = start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        if (endpoint.table, month) not in self._partitions:
            self.connection.execute("SELECT warehouse.ensure_partition(%s, %s)", (endpoint.table, month.date()))
            self._partitions.add((endpoint.table, month))

    def replace_names(
        self, organization: str, listings: Sequence[Listing], fetch_number: int, now: datetime, vendor: Vendor
    ) -> list[NamesReplaced] | None:
        """Bring the names of an organization up to date with what the vendor lists, and log the run if that wrote anything.

        One transaction for all listings. Returns what became of each, None when a later fetch has written already and this one is void.
        Raises `FixConfiguration` when the lists are another organization's, or when another label holds this one.
        """
        projects = set().union(*(listing.projects() for listing in listings))
        with translated(f"{organization}/names"), self.connection.transaction():
            if self.organizations.key(organization) is None:
                self.organizations.lock()
            self.organizations.require_free(organization, projects, vendor=vendor)
            organization_id = int(self.organizations.key(organization, create_for=vendor) or 0)
            history = NamesHistory(self.connection, organization_id)
            history.lock()
            self._require_known_projects(organization, organization_id, listings, vendor)
            if history.is_superseded(organization, fetch_number):
                return None
            replaced = [history.replace(listing, now) for listing in listings]
            if any(done.written for done in replaced):
                run_id = self.start_run(RUN_COMMAND, {"organization": organization, "fetch_number": fetch_number}, now)
                self.finish_run(run_id, "done", now)
        return replaced

    def _require_known_projects(self, organization: str, organization_id: int, listings: Sequence[Listing], vendor: Vendor) -> None:
        """Refuse a list of projects that has none of the stored ones: projects are archived, which is listed, and never deleted."""
        listed = [project for listing in listings if listing.table is PROJECT_NAMES for project in listing.entries]
        row = self.connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE project_id = ANY(%s)) FROM warehouse.dim_project"
            " WHERE organization_id = %s AND valid_to IS NULL",
            (listed, organization_id),
        ).fetchone()
        if listed and row and row[0] and not row[1]:
            raise FixConfiguration(
                f"the key of {organization} lists {counted(len(listed), 'project')} and none of the {row[0]} that the warehouse knows under"
                " this"
                f" label, so it opens another organization: use the right key, give this one a label of its own"
                f" ({vendor.key_variable}_<LABEL>), or run meterhouse purge --organization {organization}"
            )

    def keep_check_results(self, results: Sequence[tuple[str, str, bool, int, str | None, datetime]]) -> None:
        """Keep (name, severity, is_ok, findings, detail, checked_at) of each check, and drop what is older than a hundred days."""
        with translated("check results"), self.connection.transaction(), self.connection.cursor() as cursor:
            cursor.execute("DELETE FROM ops.check_results WHERE checked_at < now() - interval '100 days'")
            cursor.executemany(
                "INSERT INTO ops.check_results (check_name, severity, is_ok, findings, detail, checked_at) VALUES (%s, %s, %s, %s, %s, %s)",
                results,
            )

    def coverage_counts(self, organization: str, endpoint: str, width: BucketWidth, window: Window) -> dict[str, int]:
        """Return the number of the window's buckets by status, as `bi.coverage` words it; those never loaded are missing."""
        with translated("coverage"):
            rows = self.connection.execute(
                "SELECT CASE WHEN c.bucket_start IS NULL THEN 'missing' WHEN NOT c.is_complete THEN 'provisional'"
                " WHEN c.row_count = 0 THEN 'empty' ELSE 'loaded' END AS status, count(*)"
                " FROM generate_series(%s::timestamptz, %s::timestamptz, make_interval(mins => %s)) AS b (bucket_start)"
                " LEFT JOIN (ops.coverage c JOIN warehouse.dim_organization o ON o.organization_id = c.organization_id AND o.label = %s)"
                " ON c.bucket_start = b.bucket_start AND c.endpoint = %s AND c.bucket_width = %s GROUP BY 1 ORDER BY 1",
                (
                    window.start,
                    window.end - timedelta(minutes=width.minutes),
                    width.minutes,
                    organization,
                    endpoint,
                    width.minutes,
                ),
            ).fetchall()
        return {str(status): int(count) for status, count in rows}

    def freshness(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the headings and rows of `bi.freshness` that a person at a terminal looks for; times are UTC."""
        shown = {
            "organization": "organization", "endpoint": "endpoint", "bucket_width": "bucket_width", "status": "status",
            "last_loaded_at_utc": "read_at_utc", "loaded_until_utc": "loaded_until_utc", "settled_through_date": "settled_through",
            "bucket_count": "buckets", "settled_bucket_count": "settled", "missing_bucket_count": "missing", "row_count": "rows",
            "detail": "detail",
        }  # fmt: skip
        with translated("bi.freshness"):
            rows = self.connection.execute(
                SQL("SELECT {} FROM bi.freshness ORDER BY 1, 2, 3").format(SQL(", ").join(map(Identifier, shown)))
            ).fetchall()
        return list(shown.values()), rows

    def rebuild_totals(self) -> int:
        """Rebuild the daily and hourly totals from the rows, over all days; return how many were rewritten. Loads wait for it.

        The last steps of a load belong behind it: what they worked out is no longer taken for up to date.
        """
        with translated("totals"), self.connection.transaction():
            self.connection.execute("SELECT FROM ops.watermarks FOR UPDATE")
            written = fill(self.connection)
            self.connection.execute(_FORGET_ALLOCATED)
        return written

    def allocate(self, organization: str) -> int:
        """Bring the allocation of an organization's costs up to date; return how many days were allocated."""
        organization_id = self.organization_id(organization)
        if organization_id is None:
            return 0
        with translated(f"{organization}/allocation"):
            return allocate(self.connection, organization_id)

    def purge(self, organization: str) -> dict[str, int]:
        """Remove everything of one organization, rows and names; return the rows removed by table."""
        organization_id = self.organization_id(organization)
        if organization_id is None:
            known = ", ".join(self.organizations.all_labels()) or "none"
            raise FixConfiguration(f"no organization is called {organization!r}; loaded are: {known}")
        removed: dict[str, int] = {}
        with translated("purge"), self.connection.transaction():
            # As a load and an upgrade do, and before any row: in another order they would deadlock.
            self.connection.execute("SELECT FROM ops.watermarks WHERE organization_id = %s FOR UPDATE", (organization_id,))
            for statement, table in purge_statements(organization_id, organization):
                removed[table] = removed.get(table, 0) + self.connection.execute(statement).rowcount
        self._organization_ids.clear()
        return {table: count for table, count in removed.items() if count}
