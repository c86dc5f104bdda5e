"""Settings: every variable takes what it says, refuses the rest in one line that says what to do, and never shows a secret."""

from __future__ import annotations

from dataclasses import MISSING, fields
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path

import pytest

from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.catalogue.vendors import OPENAI, VENDORS
from meterhouse.checkout import default_home
from meterhouse.errors import FixConfiguration
from meterhouse.setting_values import AmountByCurrency
from meterhouse.settings import Settings, describe_settings, load_settings
from meterhouse.stack_file import StackFile

from .loaded_settings import KEY, OTHER_KEY, SECRET, load

__all__ = ["load"]  # a fixture, which pytest finds by its name

VARIABLES = {item.metadata["variable"]: item for item in fields(Settings) if "variable" in item.metadata}
ADDRESSES_OF_VENDORS = {vendor.base_url_variable: vendor for vendor in VENDORS.values()}


GOOD = [
    ("WAREHOUSE_URL", f"postgresql://loader:{SECRET}@db:5432/warehouse", f"postgresql://loader:{SECRET}@db:5432/warehouse"),
    ("WAREHOUSE_URL", "postgres://loader@db/warehouse", "postgresql://loader@db/warehouse"),
    ("WAREHOUSE_URL", "postgresql+psycopg://loader@db/warehouse", "postgresql://loader@db/warehouse"),
    ("METERHOUSE_MIGRATE_URL", "postgresql://owner@db/warehouse", "postgresql://owner@db/warehouse"),
    ("METERHOUSE_AIRFLOW_DB_URL", "postgresql+psycopg2://airflow@db/airflow", "postgresql://airflow@db/airflow"),
    ("OPENAI_BASE_URL", "https://eu.api.openai.com/v1/", "https://eu.api.openai.com/v1"),
    ("OPENAI_BASE_URL", "http://127.0.0.1:8089/v1", "http://127.0.0.1:8089/v1"),
    ("OPENAI_BASE_URL", "http://localhost:8089/v1", "http://localhost:8089/v1"),
    ("OPENAI_BASE_URL", "http://[::1]:8089/v1", "http://[::1]:8089/v1"),
    ("METERHOUSE_HOME", "/srv/meterhouse", Path("/srv/meterhouse")),
    ("METERHOUSE_HISTORY_START", "2025-02-28", datetime(2025, 2, 28, tzinfo=UTC)),
    ("METERHOUSE_BUCKET_WIDTHS", "1d", ("1d",)),
    ("METERHOUSE_BUCKET_WIDTHS", " 1h , 1m,1h", ("1h", "1m")),
    ("METERHOUSE_HOURLY_HISTORY_DAYS", "30", 30),
    ("METERHOUSE_RETENTION_HOURLY_DAYS", "400", 400),
    ("METERHOUSE_RETENTION_MINUTELY_DAYS", "30", 30),
    ("METERHOUSE_USAGE_LOOKBACK_DAYS", "0", 0),
    ("METERHOUSE_COSTS_LOOKBACK_DAYS", " 90 ", 90),
    ("METERHOUSE_MONTH_CLOSE_DAYS", "28", 28),
    ("METERHOUSE_USAGE_SETTLING_HOURS", "12", 12),
    ("METERHOUSE_COSTS_SETTLING_HOURS", "0", 0),
    ("METERHOUSE_USAGE_FRESHNESS_HOURS", "6", 6),
    ("METERHOUSE_COSTS_FRESHNESS_HOURS", "48", 48),
    ("METERHOUSE_ENDPOINTS", "costs,completions", ("costs", "completions")),
    ("METERHOUSE_ENDPOINTS", "all", tuple(ENDPOINTS)),
    ("METERHOUSE_EXCLUDE_DIMENSIONS", "user_id,line_item", ("user_id", "line_item")),
    ("METERHOUSE_ORGANIZATIONS", "acme, r_and_d,acme", ("acme", "r_and_d")),
    ("METERHOUSE_LOCAL_TIME_ZONE", "Asia/Kolkata", "Asia/Kolkata"),
    ("METERHOUSE_LOCAL_TIME_ZONE", "UTC", "UTC"),
    ("METERHOUSE_INVOICE_TOLERANCE_AMOUNT", "0", Decimal(0)),
    ("METERHOUSE_INVOICE_TOLERANCE_AMOUNT", "2.50", Decimal("2.5")),
    ("METERHOUSE_INVOICE_TOLERANCE_SHARE", "1", Decimal(1)),
    ("METERHOUSE_ANOMALY_FLOOR", "50", AmountByCurrency(Decimal(50))),
    (
        "METERHOUSE_ANOMALY_FLOOR",
        "20, JPY = 3000,eur=15.5",
        AmountByCurrency(Decimal(20), (("jpy", Decimal(3000)), ("eur", Decimal("15.5")))),
    ),
    ("METERHOUSE_REPORTING_CURRENCY", "EUR", "eur"),
    ("METERHOUSE_WEEKLY_REPORT_DIR", "/srv/reports", Path("/srv/reports")),
    ("METERHOUSE_MONTHLY_REPORT_DIR", "/srv/months", Path("/srv/months")),
    ("METERHOUSE_HTTP_TIMEOUT_SECONDS", "1", 1),
    ("METERHOUSE_PAGE_MAX_MEGABYTES", "2048", 2048),
    ("METERHOUSE_HTTP_CONNECTIONS", "16", 16),
    ("METERHOUSE_HTTP_RETRIES", "0", 0),
    ("METERHOUSE_CA_BUNDLE", "/etc/ssl/company.pem", Path("/etc/ssl/company.pem")),
    ("METERHOUSE_HTTP_PROXY", "https://proxy.example:3128", "https://proxy.example:3128"),
    ("METERHOUSE_AIRFLOW_PORT", "8081", 8081),
    ("METERHOUSE_POSTGRES_PORT", "65535", 65535),
    ("METERHOUSE_FAKE_API_PORT", "1", 1),
    ("METERHOUSE_DASHBOARD_PORT", "8051", 8051),
    ("METERHOUSE_DASHBOARD_TOKEN", "a-token-of-these-tests-only", "a-token-of-these-tests-only"),
    ("METERHOUSE_DASHBOARD_IDENTITY_HEADER", "X-Forwarded-User", "X-Forwarded-User"),
    ("METERHOUSE_DASHBOARD_PROXIES", "10.0.0.5, fd00::/8", (ip_network("10.0.0.5"), ip_network("fd00::/8"))),
    ("METERHOUSE_DASHBOARD_HOSTS", "Usage.example.com,usage", ("usage.example.com", "usage")),
    ("METERHOUSE_DASHBOARD_FRAME_ANCESTORS", "https://wiki.example.com:8443", ("https://wiki.example.com:8443",)),
]

WORDS = {
    "WAREHOUSE_URL": "postgresql://user:password@host:5432/database",
    "METERHOUSE_AIRFLOW_DB_URL": "postgresql://user:password@host:5432/database",
    "METERHOUSE_MIGRATE_URL": "postgresql://user:password@host:5432/database",
    "OPENAI_BASE_URL": "https address",
    "METERHOUSE_HISTORY_START": "YYYY-MM-DD",
    "METERHOUSE_BUCKET_WIDTHS": "1m, 1h, 1d",
    "METERHOUSE_HOURLY_HISTORY_DAYS": "from 1 to 400",
    "METERHOUSE_RETENTION_HOURLY_DAYS": "from 1 to 36500",
    "METERHOUSE_RETENTION_MINUTELY_DAYS": "from 1 to 36500",
    "METERHOUSE_USAGE_LOOKBACK_DAYS": "from 0 to 90",
    "METERHOUSE_COSTS_LOOKBACK_DAYS": "from 0 to 90",
    "METERHOUSE_MONTH_CLOSE_DAYS": "from 0 to 28",
    "METERHOUSE_USAGE_SETTLING_HOURS": "from 0 to 720",
    "METERHOUSE_COSTS_SETTLING_HOURS": "from 0 to 720",
    "METERHOUSE_USAGE_FRESHNESS_HOURS": "from 1 to 8760",
    "METERHOUSE_COSTS_FRESHNESS_HOURS": "from 1 to 8760",
    "METERHOUSE_ENDPOINTS": "completions",
    "METERHOUSE_EXCLUDE_DIMENSIONS": "user_id",
    "METERHOUSE_ORGANIZATIONS": "label",
    "METERHOUSE_LOCAL_TIME_ZONE": "Europe/Berlin",
    "METERHOUSE_INVOICE_TOLERANCE_AMOUNT": "an amount of money from 0 on, such as 0.01",
    "METERHOUSE_INVOICE_TOLERANCE_SHARE": "a share from 0 to 1, such as 0.001",
    "METERHOUSE_ANOMALY_FLOOR": "an amount of money from 0 on, and others by currency, such as 20 or 20,jpy=3000",
    "METERHOUSE_REPORTING_CURRENCY": "a currency code of three letters, such as eur",
    "METERHOUSE_WEEKLY_REPORT_DIR": "absolute path of a folder, such as /srv/reports",
    "METERHOUSE_MONTHLY_REPORT_DIR": "absolute path of a folder, such as /srv/reports",
    "METERHOUSE_HTTP_TIMEOUT_SECONDS": "from 1 to 3600",
    "METERHOUSE_PAGE_MAX_MEGABYTES": "from 1 to 2048",
    "METERHOUSE_HTTP_CONNECTIONS": "from 1 to 16",
    "METERHOUSE_HTTP_RETRIES": "from 0 to 20",
    "METERHOUSE_HTTP_PROXY": "address",
    "METERHOUSE_AIRFLOW_PORT": "from 1 to 65535",
    "METERHOUSE_POSTGRES_PORT": "from 1 to 65535",
    "METERHOUSE_FAKE_API_PORT": "from 1 to 65535",
    "METERHOUSE_DASHBOARD_PORT": "from 1 to 65535",
    "METERHOUSE_DASHBOARD_TOKEN": "20 or more characters",
    "METERHOUSE_DASHBOARD_IDENTITY_HEADER": "X-Forwarded-User",
    "METERHOUSE_DASHBOARD_PROXIES": "172.16.0.0/12",
    "METERHOUSE_DASHBOARD_HOSTS": "usage.example.com",
    "METERHOUSE_DASHBOARD_FRAME_ANCESTORS": "https://wiki.example.com",
}
URLS = [
    "mysql://u:{s}@h/d",
    "postgresql://u:{s}@/d",
    "postgresql://u:{s}@h",
    "postgresql://u:{s}@h:0x1/d",
    "{s}",
    "postgresql://u:{s}@[h/d",
]
ADDRESSES = [
    "http://api.example/v1",
    "http://user:{s}@127.0.0.1/v1",
    "https://user:{s}@api.example/v1",
    "https://{s}@api.example/v1",
    "https://api.example/v1?key={s}",
    "https://api.example/v1#{s}",
    "ftp://api.example/{s}",
    "api.example/{s}",
    "https://",
    "https://api.example:99999/{s}",
    "https://[api.example/{s}",
    "file:///etc/{s}",
]
BAD = {
    "WAREHOUSE_URL": URLS,
    "METERHOUSE_MIGRATE_URL": URLS,
    "METERHOUSE_AIRFLOW_DB_URL": URLS,
    "OPENAI_BASE_URL": ADDRESSES,
    "METERHOUSE_HTTP_PROXY": ["proxy:3128", "socks5://user:{s}@proxy", "https://proxy:99999"],
    "METERHOUSE_HISTORY_START": ["yesterday", "2026-02-30", "01/02/2026", "2026-1-1", "2026-01-01T00:00", "1767225600"],
    "METERHOUSE_BUCKET_WIDTHS": ["1w", "1d,1w", "1d;1h", ","],
    "METERHOUSE_ENDPOINTS": ["everything", "completions,all", "Completions", ",", " , "],
    "METERHOUSE_INVOICE_TOLERANCE_AMOUNT": ["-0.01", "1,5", "null", "5 usd", "1e99"],
    "METERHOUSE_INVOICE_TOLERANCE_SHARE": ["1.01", "-0.1", "5%", "null"],
    "METERHOUSE_ANOMALY_FLOOR": ["-1", "usd=20", "20,euro=3000", "20,jpy", "20,jpy=-1", "20,jpy=1,jpy=2", "null"],
    "METERHOUSE_REPORTING_CURRENCY": ["euro", "e1r", "€"],
    "METERHOUSE_ORGANIZATIONS": ["Acme Inc.", "acme;other", "-x", "x" * 64],
    "METERHOUSE_LOCAL_TIME_ZONE": ["Berlin", "europe/berlin", "+02:00", "Mars/Olympus", "UTC'; SELECT 1; --"],
    "METERHOUSE_EXCLUDE_DIMENSIONS": ["email", "user_id project_id", ","],
    "METERHOUSE_MONTHLY_REPORT_DIR": ["reports", "./reports", "~"],
    "METERHOUSE_WEEKLY_REPORT_DIR": ["reports", "./reports", "../srv/reports", "~", "~somebody/reports", "yes"],
    "METERHOUSE_DASHBOARD_TOKEN": ["{s}", "short", "twenty characters and a space"],
    "METERHOUSE_DASHBOARD_IDENTITY_HEADER": ["X Forwarded", "X-Forwarded-User:", "-"],
    "METERHOUSE_DASHBOARD_PROXIES": ["proxy", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.1,"],
    "METERHOUSE_DASHBOARD_HOSTS": ["https://usage.example.com", "usage.example.com:8050", "usage,", "*.example.com"],
    "METERHOUSE_DASHBOARD_FRAME_ANCESTORS": ["wiki.example.com", "https://wiki.example.com/x", "https://*", "https://a.example; img-src *"],
}
NUMBERS = ["ten", "1.5", "-1", "1e3", "5 days", "99999999"]
for _variable in WORDS:
    BAD.setdefault(_variable, NUMBERS)


@pytest.mark.parametrize(("variable", "text", "expected"), GOOD, ids=[f"{row[0]}={row[1]}" for row in GOOD])
def test_a_good_value_is_taken(load, variable, text, expected):
    settings = load(**{variable: text})
    vendor = ADDRESSES_OF_VENDORS.get(variable)
    assert (settings.base_urls[vendor.name] if vendor else getattr(settings, VARIABLES[variable].name)) == expected


@pytest.mark.parametrize(("variable", "text"), [(name, text) for name, texts in BAD.items() for text in texts], ids=str)
def test_a_bad_value_is_refused_in_one_line_that_names_the_variable_and_what_it_takes(load, variable, text):
    with pytest.raises(FixConfiguration) as caught:
        load(**{variable: text.format(s=SECRET)})
    message = str(caught.value)
    assert message.startswith(f"{variable} must be ")
    assert WORDS[variable] in message
    assert "\n" not in message
    assert SECRET not in message
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    "variable", sorted({*VARIABLES, *ADDRESSES_OF_VENDORS} - {"METERHOUSE_HOME", "METERHOUSE_CA_BUNDLE", "METERHOUSE_ORGANIZATIONS"})
)
def test_a_key_that_was_pasted_into_the_wrong_variable_is_not_repeated(load, variable):
    with pytest.raises(FixConfiguration, match=variable) as caught:
        load(**{variable: KEY})
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(("variable", "vendor"), ADDRESSES_OF_VENDORS.items())
def test_a_vendor_is_asked_at_its_own_address_unless_another_is_set(load, variable, vendor):
    for text in ("", "   "):
        assert load(**{variable: text}).base_urls[vendor.name] == vendor.base_url


@pytest.mark.parametrize("variable", VARIABLES)
def test_an_unset_or_blank_variable_means_its_default(tmp_path, variable):
    item = VARIABLES[variable]
    default = default_home() if item.default is MISSING else item.default
    environment = {} if variable == "METERHOUSE_HOME" else {"METERHOUSE_HOME": str(tmp_path)}
    if variable != "METERHOUSE_HOME" or not (default_home() / "stack.json").exists():
        for text in (None, "", "   "):
            assert getattr(load_settings(environment | ({} if text is None else {variable: text})), item.name) == default


def test_every_variable_is_tried_with_a_good_and_with_a_bad_value():
    every = set(VARIABLES) | {OPENAI.base_url_variable}
    assert {variable for variable, _, _ in GOOD} == every
    assert set(BAD) == every - {"METERHOUSE_HOME", "METERHOUSE_CA_BUNDLE"}, "any text is a path"


def test_a_folder_may_begin_with_a_tilde(load, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(METERHOUSE_HOME="~/state").home == tmp_path / "state"
    assert load(METERHOUSE_WEEKLY_REPORT_DIR="~/reports").weekly_report_dir == tmp_path / "reports"


def test_settings_cannot_be_changed_afterwards(load):
    with pytest.raises(AttributeError):
        load().retries = 5


# -- what is missing ------------------------------------------------------------------------------------------------------------------


def test_what_is_not_set_says_how_to_set_it(load):
    settings = load()
    with pytest.raises(FixConfiguration, match=r"OPENAI_ADMIN_KEY\b.* is not set"):
        settings.require_organizations()
    with pytest.raises(FixConfiguration, match="WAREHOUSE_URL is not set"):
        settings.require_warehouse()
    with pytest.raises(FixConfiguration, match="WAREHOUSE_URL is not set"):
        settings.require_migrate_url()


def test_the_owner_s_url_falls_back_to_the_loader_s(load):
    assert load(WAREHOUSE_URL="postgresql://a@h/d").require_migrate_url() == "postgresql://a@h/d"
    assert (
        load(WAREHOUSE_URL="postgresql://a@h/d", METERHOUSE_MIGRATE_URL="postgresql://b@h/d").require_migrate_url() == "postgresql://b@h/d"
    )


def test_the_local_stack_fills_in_what_is_unset_and_nothing_else(load, tmp_path):
    StackFile(
        admin_url="postgresql://owner@local/d",
        loader_url="postgresql://loader@local/d",
        fake_api_url="http://127.0.0.1:1/v1",
        fake_api_key=KEY,
    ).write(tmp_path)
    settings = load()
    assert (settings.warehouse_url, settings.migrate_url) == ("postgresql://loader@local/d", "postgresql://owner@local/d")
    assert [(one.label, one.base_url) for one in settings.organizations] == [("demo", "http://127.0.0.1:1/v1")]
    own = load(WAREHOUSE_URL="postgresql://a@h/d", OPENAI_ADMIN_KEY=OTHER_KEY)
    assert (own.warehouse_url, own.migrate_url) == ("postgresql://a@h/d", None), "the owner of another server must not be used"
    assert [(one.label, one.base_url) for one in own.organizations] == [("default", "https://api.openai.com/v1")]


# -- the description ------------------------------------------------------------------------------------------------------------------


def test_every_setting_is_described_with_its_default():
    described = {variable: (meaning, default) for variable, meaning, default in describe_settings()}
    keys = {f"{vendor.key_variable}{label}" for vendor in VENDORS.values() for label in ("", "_<LABEL>")}
    assert {"OPENAI_ADMIN_KEY", "OPENAI_ADMIN_KEY_<LABEL>"} <= keys
    assert set(described) == set(VARIABLES) | set(ADDRESSES_OF_VENDORS) | keys
    assert len(described) == len(describe_settings())
    for variable, (meaning, default) in described.items():
        assert meaning.endswith("."), variable
        assert default, variable
        assert default != "None"
    assert described["METERHOUSE_ENDPOINTS"][1] == "all"
    assert described["METERHOUSE_BUCKET_WIDTHS"][1] == "1d,1h"
    assert described["WAREHOUSE_URL"][1] == "unset"
    assert described["METERHOUSE_USAGE_LOOKBACK_DAYS"][1] == "3"
    assert described["METERHOUSE_COSTS_LOOKBACK_DAYS"][1] == "10"
    assert str(Path.home()) not in repr(describe_settings()), "a default must read the same on every machine"
