"""Settings: one frozen dataclass read from environment variables, each with its meaning next to it.

The table in docs/settings.md is checked against `Settings`. A bad value is one line that names the variable and what it takes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from meterhouse.admin_keys import KEY_VARIABLES, AdminKey, Organization, base_url_in, may_hold_a_key, organizations_in
from meterhouse.catalogue.endpoints import ENDPOINTS, USAGE_DIMENSIONS, WIDTHS, Endpoint
from meterhouse.catalogue.vendors import VENDORS
from meterhouse.checkout import default_home
from meterhouse.database_url import postgres_url
from meterhouse.errors import FixConfiguration
from meterhouse.labels import DEMO_LABEL
from meterhouse.setting_values import (
    DEFAULT_TIME_ZONE,
    AmountByCurrency,
    Network,
    amount,
    amount_by_currency,
    currency,
    day,
    header_name,
    host_names,
    label_list,
    names_out_of,
    network_list,
    path,
    proxy_url,
    reports_folder,
    share,
    site_list,
    time_zone,
    token,
    whole,
)
from meterhouse.stack_file import StackFile


def _setting(variable: str, help_text: str, parse: Callable[[str], Any], **default: Any) -> Any:
    # A URL of a database holds a password.
    return field(repr=parse not in {postgres_url, token}, metadata={"variable": variable, "help": help_text, "parse": parse}, **default)


@dataclass(frozen=True)
class Settings:
    """Everything that can be chosen from outside. Durations and sizes carry their unit in the name."""

    organizations: tuple[Organization, ...] = ()
    base_urls: Mapping[str, str] = field(default_factory=lambda: {vendor.name: vendor.base_url for vendor in VENDORS.values()})
    warehouse_url: str | None = _setting(
        "WAREHOUSE_URL",
        "The warehouse, as the role that loads data; unset: the embedded server of `make up`.",
        postgres_url,
        default=None,
    )
    migrate_url: str | None = _setting(
        "METERHOUSE_MIGRATE_URL",
        "The warehouse as the role that owns it, used by `meterhouse migrate`; unset: WAREHOUSE_URL.",
        postgres_url,
        default=None,
    )
    airflow_db_url: str | None = _setting(
        "METERHOUSE_AIRFLOW_DB_URL",
        "Airflow's own tables for `make up`; unset: the embedded server, even if the warehouse is elsewhere.",
        postgres_url,
        default=None,
    )
    home: Path = _setting("METERHOUSE_HOME", "Folder for local state: server data, logs, passwords.", path, default_factory=default_home)
    history_start: datetime | None = _setting(
        "METERHOUSE_HISTORY_START", "First day to load (YYYY-MM-DD); unset: 365 days ago.", day, default=None
    )
    widths: tuple[str, ...] = _setting(
        "METERHOUSE_BUCKET_WIDTHS", "Bucket widths that scheduled runs load.", names_out_of(WIDTHS), default=("1d", "1h")
    )
    hourly_history_days: int = _setting(
        "METERHOUSE_HOURLY_HISTORY_DAYS",
        "How many days the first load of hour and minute buckets goes back.",
        whole(1, 400),
        default=14,
    )
    retention_hourly_days: int | None = _setting(
        "METERHOUSE_RETENTION_HOURLY_DAYS",
        "How many days `meterhouse retain` and the DAG warehouse_retention keep hour buckets; unset: forever, as daily buckets always are.",
        whole(1, 36500),
        default=None,
    )
    retention_minutely_days: int | None = _setting(
        "METERHOUSE_RETENTION_MINUTELY_DAYS", "The same for minute buckets.", whole(1, 36500), default=None
    )
    usage_lookback_days: int = _setting(
        "METERHOUSE_USAGE_LOOKBACK_DAYS", "Days of usage read again by every scheduled run.", whole(0, 90), default=3
    )
    costs_lookback_days: int = _setting(
        "METERHOUSE_COSTS_LOOKBACK_DAYS", "Days of costs read again by every scheduled run.", whole(0, 90), default=10
    )
    month_close_days: int = _setting(
        "METERHOUSE_MONTH_CLOSE_DAYS",
        "For this many days at the start of a month, costs are read again from the start of the previous month.",
        whole(0, 28),
        default=5,
    )
    usage_settling_hours: int = _setting(
        "METERHOUSE_USAGE_SETTLING_HOURS",
        "Hours after a bucket's end until its usage counts as settled; until then the vendor may still add to it.",
        whole(0, 720),
        default=6,
    )
    costs_settling_hours: int = _setting(
        "METERHOUSE_COSTS_SETTLING_HOURS",
        "Hours after a day's end until its costs count as settled; until then the vendor may still add to them.",
        whole(0, 720),
        default=24,
    )
    usage_freshness_hours: int = _setting(
        "METERHOUSE_USAGE_FRESHNESS_HOURS",
        "How many hours usage may be behind before `meterhouse check` reports it.",
        whole(1, 8760),
        default=3,
    )
    costs_freshness_hours: int = _setting(
        "METERHOUSE_COSTS_FRESHNESS_HOURS",
        "How many hours costs may be behind before `meterhouse check` reports it.",
        whole(1, 8760),
        default=30,
    )
    endpoints: tuple[str, ...] = _setting(
        "METERHOUSE_ENDPOINTS", "Endpoints to load.", names_out_of(ENDPOINTS, every=True), default=tuple(ENDPOINTS)
    )
    exclude_dimensions: tuple[str, ...] = _setting(
        "METERHOUSE_EXCLUDE_DIMENSIONS",
        "Dimensions never to ask for, such as user_id; or all.",
        names_out_of({dimension.name: dimension for dimension in USAGE_DIMENSIONS} | {"line_item": None}, every=True),
        default=(),
    )
    airflow_organizations: tuple[str, ...] = _setting(
        "METERHOUSE_ORGANIZATIONS",
        "Labels of further organizations whose keys Airflow holds, as connections openai_admin_<label>.",
        label_list,
        default=(),
    )
    local_time_zone: str = _setting(
        "METERHOUSE_LOCAL_TIME_ZONE",
        "Time zone of the days of `bi.usage_daily_local` and `bi.usage_daily_local_by_project`; `meterhouse migrate` writes it into the"
        " views.",
        time_zone,
        default=DEFAULT_TIME_ZONE,
    )
    invoice_tolerance_amount: Decimal = _setting(
        "METERHOUSE_INVOICE_TOLERANCE_AMOUNT",
        "How much of an invoice may stay unexplained, up or down, if its month is to tie; in the invoice's currency.",
        amount,
        default=Decimal("0.01"),
    )
    invoice_tolerance_share: Decimal = _setting(
        "METERHOUSE_INVOICE_TOLERANCE_SHARE",
        "The same as a share of the invoiced usage; the larger one counts.",
        share,
        default=Decimal("0.001"),
    )
    anomaly_floor: AmountByCurrency = _setting(
        "METERHOUSE_ANOMALY_FLOOR",
        "By how much a day must differ from what was expected to be called unusual, in the costs' currency.",
        amount_by_currency,
        default=AmountByCurrency(Decimal(20)),
    )
    reporting_currency: str | None = _setting(
        "METERHOUSE_REPORTING_CURRENCY",
        "Currency that `bi.costs_converted_daily` converts to, such as eur; `meterhouse migrate` writes it into the view.",
        currency,
        default=None,
    )
    weekly_report_dir: Path | None = _setting(
        "METERHOUSE_WEEKLY_REPORT_DIR",
        "Folder for the weekly reports of the DAG weekly_report; unset: no reports.",
        reports_folder,
        default=None,
    )
    monthly_report_dir: Path | None = _setting(
        "METERHOUSE_MONTHLY_REPORT_DIR",
        "Folder for the monthly reports of the DAG monthly_report; unset: no reports.",
        reports_folder,
        default=None,
    )
    http_timeout_seconds: int = _setting(
        "METERHOUSE_HTTP_TIMEOUT_SECONDS", "Time limit for one page, from connecting to the last byte.", whole(1, 3600), default=120
    )
    page_max_megabytes: int = _setting(
        "METERHOUSE_PAGE_MAX_MEGABYTES",
        "Largest page that is accepted; larger ones are requested again in smaller pages.",
        whole(1, 2048),
        default=64,
    )
    connections: int = _setting(
        "METERHOUSE_HTTP_CONNECTIONS",
        "Maximum number of concurrent requests per run, and of endpoints loaded side by side, each with its own warehouse session;"
        " with 2 or more, an endpoint that is loaded on its own uses two sessions.",
        whole(1, 16),
        default=4,
    )
    retries: int = _setting("METERHOUSE_HTTP_RETRIES", "How often a failed page is tried again.", whole(0, 20), default=4)
    ca_bundle: Path | None = _setting("METERHOUSE_CA_BUNDLE", "File with certificates to trust for the API.", path, default=None)
    http_proxy: str | None = _setting(
        "METERHOUSE_HTTP_PROXY", "Proxy for the API; the usual proxy variables are not read.", proxy_url, default=None
    )
    airflow_port: int = _setting("METERHOUSE_AIRFLOW_PORT", "Port of the local Airflow.", whole(1, 65535), default=8080)
    postgres_port: int = _setting("METERHOUSE_POSTGRES_PORT", "Port of the embedded PostgreSQL.", whole(1, 65535), default=54329)
    fake_api_port: int = _setting("METERHOUSE_FAKE_API_PORT", "Port of the stand-in API.", whole(1, 65535), default=8089)
    dashboard_port: int = _setting("METERHOUSE_DASHBOARD_PORT", "Port of the dashboard.", whole(1, 65535), default=8050)
    dashboard_token: str | None = _setting(
        "METERHOUSE_DASHBOARD_TOKEN", "Token that opens the dashboard; unset: nobody is asked. Never logged.", token, default=None
    )
    dashboard_identity_header: str | None = _setting(
        "METERHOUSE_DASHBOARD_IDENTITY_HEADER",
        "Header in which the proxy in front of the dashboard says who signed in, such as X-Forwarded-User; unset: none.",
        header_name,
        default=None,
    )
    dashboard_proxies: tuple[Network, ...] = _setting(
        "METERHOUSE_DASHBOARD_PROXIES",
        "Addresses or networks of that proxy; the header is ignored if it comes from anywhere else.",
        network_list,
        default=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
    )
    dashboard_hosts: tuple[str, ...] = _setting(
        "METERHOUSE_DASHBOARD_HOSTS",
        "Host names, besides 127.0.0.1 and localhost, by which browsers reach the dashboard; requests for other names are refused.",
        host_names,
        default=(),
    )
    dashboard_frame_ancestors: tuple[str, ...] = _setting(
        "METERHOUSE_DASHBOARD_FRAME_ANCESTORS",
        "Sites that may embed single charts of the dashboard, such as https://wiki.example.com; unset: none.",
        site_list,
        default=(),
    )

    def lookback(self, endpoint: Endpoint) -> timedelta:
        """Return how far back every scheduled run reads again."""
        return timedelta(days=self.costs_lookback_days if endpoint.is_costs else self.usage_lookback_days)

    def settling_time(self, endpoint: Endpoint) -> timedelta:
        """Return how long after its end a bucket may still grow."""
        return timedelta(hours=self.costs_settling_hours if endpoint.is_costs else self.usage_settling_hours)

    def require_warehouse(self) -> str:
        """Return the loader's URL, or say how to get one."""
        return _required(self.warehouse_url, "WAREHOUSE_URL is not set and no embedded server was started here: run make up, or set it")

    def require_migrate_url(self) -> str:
        """Return the owner's URL, or say how to get one."""
        return _required(
            self.migrate_url or self.warehouse_url,
            "WAREHOUSE_URL is not set and no embedded server was started here: run make up, or set it",
        )

    def require_organizations(self) -> tuple[Organization, ...]:
        """Return the organizations to load, or say how to name one."""
        if not self.organizations:
            raise FixConfiguration(f"{KEY_VARIABLES} is not set and no stand-in API was started here: set it, or run make up for a trial")
        return self.organizations


def _required(value: str | None, remedy: str) -> str:
    if value is None:
        raise FixConfiguration(remedy)
    return value


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environment` (default: the process's own), then from the local stack's file for what is unset.

    Raises `FixConfiguration` for the first value that cannot be used.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for item in fields(Settings):
        variable = item.metadata.get("variable")
        text = environment.get(variable, "").strip() if variable else ""
        if text:
            values[item.name] = _parsed(variable or "", text, item.metadata["parse"])
    home = values.get("home") or default_home()
    stack = StackFile.read(home)
    if "warehouse_url" not in values and stack.loader_url:
        values["warehouse_url"] = stack.loader_url
        values.setdefault("migrate_url", stack.admin_url)
    base_urls = {vendor.name: base_url_in(environment, vendor) for vendor in VENDORS.values()}
    organizations = organizations_in(environment, base_urls)
    if not organizations and stack.fake_api_url and stack.fake_api_key:
        organizations = (Organization(DEMO_LABEL, AdminKey(stack.fake_api_key), stack.fake_api_url),)
    return Settings(organizations=organizations, base_urls=base_urls, **values)


def local_time_zone() -> str:
    """Return the time zone that the process's environment asks for; raises `FixConfiguration` for one that does not exist."""
    variable = "METERHOUSE_LOCAL_TIME_ZONE"
    return str(_parsed(variable, os.environ.get(variable, "").strip() or DEFAULT_TIME_ZONE, time_zone))


def reporting_currency() -> str | None:
    """Return the currency that the process's environment asks for; raises `FixConfiguration` for what is no code of a currency."""
    variable = "METERHOUSE_REPORTING_CURRENCY"
    text = os.environ.get(variable, "").strip()
    return str(_parsed(variable, text, currency)) if text else None


def _parsed(variable: str, text: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text)
    except ValueError:
        # A URL may hold a password, and a key may have been pasted into the wrong variable, so these are not repeated.
        shown = "" if variable.endswith(("_URL", "_PROXY", "_TOKEN")) or "sk-" in text or may_hold_a_key(text) else f", not {text!r}"
        raise FixConfiguration(f"{variable} must be {parse.__doc__}{shown}") from None


def describe_settings() -> list[tuple[str, str, str]]:
    """Return (variable, meaning, default) of every setting, as docs/settings.md shows them."""
    rows: list[tuple[str, str, str]] = []
    for vendor in VENDORS.values():
        rows += [
            (
                vendor.key_variable,
                "Admin key of the organization; unset: the demo organization of the stand-in API. Never logged.",
                "unset",
            ),
            (f"{vendor.key_variable}_<LABEL>", "Admin key of a further organization, which is called <label> in the warehouse.", "unset"),
            (vendor.base_url_variable, "Address of the API.", vendor.base_url),
        ]
    for item in fields(Settings):
        if variable := item.metadata.get("variable"):
            default = item.default if item.default is not MISSING else ".meterhouse in the checkout"
            rows.append((variable, item.metadata["help"], _shown(default)))
    return rows


def _shown(default: Any) -> str:
    if default is None or default == ():
        return "unset"
    if isinstance(default, tuple):
        return "all" if default == tuple(ENDPOINTS) else ",".join(map(str, default))
    return str(default)
