"""Sessions: servers that cannot hold the warehouse are refused by name, and so is one that does not keep what was set."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meterhouse.errors import FixConfiguration, MeterhouseError, TryAgainLater
from meterhouse.warehouse.session import DASHBOARD, LOAD, READ, Facts, require_kept, require_usable

FACTS = Facts("PostgreSQL 15.18 (Debian 15.18-0) on x86_64-pc-linux-gnu", 150018, "UTF8", False, False, "default", 7)
OTHERS = [
    "CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu)",
    "PostgreSQL 15.2-YB-2.25.0.0-b0 on x86_64-pc-linux-gnu",
    "PostgreSQL 8.0.2 on i686-pc-linux-gnu, Redshift 1.0.12103",
    "PostgreSQL 12.12 (Greenplum Database 7.0.0)",
    "PostgreSQL 12.3, compiled by Visual C++ build 1914, 64-bit, QuestDB",
    "Mysterious DB 1.0",
]


@pytest.mark.parametrize("version", OTHERS)
def test_what_only_answers_as_postgresql_is_refused(version: str) -> None:
    with pytest.raises(FixConfiguration, match="is not PostgreSQL: use PostgreSQL 15 to 18"):
        require_usable(replace(FACTS, version=version, version_number=180000), READ)


@pytest.mark.parametrize(
    ("differing", "kind", "words"),
    [
        ({"version_number": 140012}, FixConfiguration, "older than PostgreSQL 15"),
        ({"encoding": "SQL_ASCII"}, FixConfiguration, "has the encoding SQL_ASCII"),
        ({"encoding": "LATIN1"}, FixConfiguration, "has the encoding LATIN1"),
        ({"is_in_recovery": True, "is_read_only": True}, TryAgainLater, "point WAREHOUSE_URL at the primary"),
        ({"is_read_only": True, "read_only_source": "database"}, TryAgainLater, "point WAREHOUSE_URL at the primary"),
        ({"is_read_only": True, "read_only_source": "configuration file"}, TryAgainLater, "point WAREHOUSE_URL at the primary"),
        ({"is_read_only": True, "read_only_source": "user"}, FixConfiguration, "the role of WAREHOUSE_URL is set to read only"),
    ],
)
def test_a_server_that_the_loader_cannot_use_is_refused(differing: dict[str, object], kind: type[MeterhouseError], words: str) -> None:
    with pytest.raises(kind, match=words):
        require_usable(replace(FACTS, **differing), LOAD)


def test_readers_are_at_home_on_a_standby() -> None:
    for purpose in (READ, DASHBOARD):
        require_usable(replace(FACTS, is_in_recovery=True, is_read_only=True), purpose)
    require_usable(FACTS, LOAD)


def test_a_setting_that_did_not_stay_is_named_with_the_remedy() -> None:
    wanted = LOAD.settings
    require_kept(wanted, dict(wanted))
    with pytest.raises(FixConfiguration, match=r"settings of a session \(DateStyle, TimeZone\): use the pooler in session mode"):
        require_kept(wanted, {name: value for name, value in wanted.items() if name != "TimeZone"} | {"DateStyle": "German, DMY"})


def test_only_who_loads_may_write() -> None:
    assert "default_transaction_read_only" not in LOAD.settings
    assert READ.settings["default_transaction_read_only"] == DASHBOARD.settings["default_transaction_read_only"] == "on"
