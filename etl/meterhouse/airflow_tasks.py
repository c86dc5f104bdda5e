"""What the DAGs' tasks call: settings from Airflow's connections, the use case, and errors in Airflow's own terms.

An error that only people can cure fails the task at once; one that time cures is left to Airflow's retries. The admin key goes from the
connection into the client, and is never returned, logged or rendered.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException

from meterhouse.backfill_range import backfill_window, parse_day
from meterhouse.endpoints import ENDPOINTS, WIDTHS
from meterhouse.errors import FixConfiguration, MeterhouseError
from meterhouse.settings import DEFAULT_LABEL, Settings, load_settings, organization_of
from meterhouse.windows import Window

if TYPE_CHECKING:
    from meterhouse.loader import Progress

log = logging.getLogger(__name__)

WAREHOUSE_CONNECTION = "warehouse"
ADMIN_CONNECTION = "openai_admin"


def task_settings() -> Settings:
    """Return the settings of this worker, with the warehouse and the organizations taken from Airflow's connections where they exist.

    `warehouse` holds the database; `openai_admin` and `openai_admin_<label>` hold an organization each: the key as password, the API's
    address as host, and optionally its label as `organization` in extra.
    """
    environment = dict(os.environ)
    warehouse = _connection(WAREHOUSE_CONNECTION)
    if warehouse is not None:
        environment["WAREHOUSE_URL"] = _postgres_url(warehouse)
    settings = load_settings(environment)
    found = {organization.label: organization for organization in settings.organizations}
    labels = {
        name.removeprefix("AIRFLOW_CONN_OPENAI_ADMIN_").lower() for name in environment if name.startswith("AIRFLOW_CONN_OPENAI_ADMIN_")
    }
    for label in ("", *sorted(labels | set(settings.airflow_organizations))):
        connection = _connection(f"{ADMIN_CONNECTION}_{label}" if label else ADMIN_CONNECTION)
        if connection is not None:
            name = connection.extra_dejson.get("organization") or label or DEFAULT_LABEL
            found[name] = organization_of(
                name, connection.password or "", connection.host or settings.base_url, named=f"the connection {connection.conn_id}"
            )
    return replace(settings, organizations=tuple(found.values()))


def _postgres_url(connection: Any) -> str:
    """Return a connection as a URL; text and numbers in its extra, such as sslmode, become parameters."""
    login = ":".join(quote(part, safe="") for part in (connection.login, connection.password) if part)
    address = f"{connection.host}:{connection.port or 5432}/{quote(connection.schema or '', safe='')}"
    options = {name: value for name, value in connection.extra_dejson.items() if isinstance(value, str | int)}
    return f"postgresql://{login}@{address}" + (f"?{urlencode(options)}" if options else "")


def _connection(name: str) -> Any:
    try:
        return BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return None


@contextmanager
def _in_airflow_terms() -> Iterator[None]:
    try:
        yield
    except MeterhouseError as error:
        if error.retryable:
            raise AirflowException(str(error)) from None
        raise AirflowFailException(str(error)) from None


def _told(step: Progress) -> None:
    log.info("%s: window %d of %d is loaded", step.stream, step.done, step.total)


def data_interval(context: dict[str, Any]) -> Window | None:
    """Return the run's data interval; None for a run that has none, such as one started from the form with an empty date."""
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    # Airflow's own datetime class has arithmetic of its own, so the instants are made anew.
    return Window(*(datetime.fromtimestamp(moment.timestamp(), UTC) for moment in (start, end))) if start and end else None


def load_endpoint(endpoint: str, interval: Window | None) -> list[dict[str, object]]:
    """Bring one endpoint up to date for every organization; return a summary per stream."""
    from meterhouse.sync import sync  # noqa: PLC0415  # a second to import, and only a running task needs it

    with _in_airflow_terms():
        outcome = sync(task_settings(), [endpoint], interval=interval, report=_told)
        outcome.raise_first()
    return [summary.as_dict() for summary in outcome.summaries]


def load_directory() -> list[dict[str, object]]:
    """Bring the names of projects, users and keys up to date; return a summary per organization."""
    from meterhouse.directory import sync_directory  # noqa: PLC0415  # as above

    with _in_airflow_terms():
        return [summary.as_dict() for summary in sync_directory(task_settings())]


def backfill_endpoint(endpoint: str, first: str, last: str, bucket_width: str) -> list[dict[str, object]]:
    """Load the days `first` to `last` of one endpoint again; return a summary per stream."""
    from meterhouse.sync import backfill  # noqa: PLC0415  # as above

    with _in_airflow_terms():
        window = backfill_window(parse_day(first), parse_day(last), datetime.now(UTC))
        outcome = backfill(task_settings(), window, [endpoint], width=WIDTHS[bucket_width], report=_told)
        outcome.raise_first()
    return [summary.as_dict() for summary in outcome.summaries]


def plan_backfill(first: str, last: str, endpoints: list[str], bucket_width: str) -> list[str]:
    """Return the endpoints that a backfill loads; fails at once, in words, when the form was filled in wrongly."""
    with _in_airflow_terms():
        window = backfill_window(parse_day(first), parse_day(last), datetime.now(UTC))
        width = WIDTHS[bucket_width]
        chosen = [name for name in endpoints if width in ENDPOINTS[name].widths]
        if not chosen:
            raise FixConfiguration(f"none of {', '.join(endpoints) or 'no endpoints'} has buckets of width {bucket_width}: choose 1d")
    log.info("the backfill loads %s of %s in %s buckets", window, ", ".join(chosen), bucket_width)
    return chosen
