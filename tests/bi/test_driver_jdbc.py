"""The schema as pgJDBC shows it, the driver of Tableau, Metabase and DBeaver, from Java machines in other time zones."""

from __future__ import annotations

import shutil
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.bi.driver_contract import INSUFFICIENT_PRIVILEGE, SHORT_TYPES, WRITES, ZONES, Contract, Server, base, probed, size_and_scale
from tests.conftest import Warehouse

JARS = sorted(Path("/usr/share/java").glob("postgresql-42*.jar"))
PACKAGES = "apt-get install libpostgresql-jdbc-java default-jre-headless"
pytestmark = [
    pytest.mark.skipif(not JARS, reason=f"no pgJDBC in /usr/share/java: {PACKAGES}"),
    pytest.mark.skipif(shutil.which("java") is None, reason=f"no Java: {PACKAGES}"),
]


@pytest.fixture(scope="module", params=ZONES)
def seen(request: pytest.FixtureRequest, loaded_warehouse: Warehouse, contract: Contract) -> dict[str, Any]:
    """What the driver saw, from a Java machine in one of the zones."""
    server = Server.of(loaded_warehouse.reader_url)
    given = {
        "address": f"jdbc:postgresql://{server.host}:{server.port}/{server.database}", "user": server.user, "password": server.password,
        "jars": [str(JARS[-1])], "zone": request.param,
    }  # fmt: skip
    probe = [sys.executable, str(Path(__file__).with_name("jdbc_probe.py"))]
    return probed(probe, contract, given, zone=request.param, timeout=120)


def test_every_way_to_list_the_schema_finds_the_same_views(seen: dict[str, Any], contract: Contract) -> None:
    wanted = sorted(contract.columns)
    assert [name for name, *_ in seen["tables"]] == wanted
    assert {kind for _, kind, _ in seen["all_tables"]} == {"VIEW"}
    for listed in ([name for name, *_ in seen["all_tables"]], *seen["listed"]):
        assert sorted(listed) == wanted


def test_views_and_columns_have_their_comments_types_sizes_and_scales(seen: dict[str, Any], contract: Contract) -> None:
    assert {name: comment for name, _, comment in seen["tables"]} == contract.comments
    for view, columns in contract.columns.items():
        found = seen["columns"][view]
        assert [(name, kind, comment) for name, kind, _, _, comment in found] == [
            (name, SHORT_TYPES[base(kind)], comment) for name, kind, comment in columns
        ]
        for (name, kind, _), (_, _, size, digits, _) in zip(columns, found, strict=True):
            if base(kind) in {"numeric", "character varying"}:
                assert (size, digits or None) == size_and_scale(kind), f"{view}.{name}"


def test_amounts_are_exact_and_unknown_is_null(seen: dict[str, Any], contract: Contract) -> None:
    amounts = [Decimal(text) for text in seen["amounts"] if text is not None]
    assert (len(amounts), sum(amounts)) == (contract.amounts, contract.total)
    assert seen["unknown"] == [None, 0, True], "getLong says 0, and wasNull that it is none"


def test_a_day_is_the_vendors_day_although_the_driver_brings_the_zone_of_its_machine(seen: dict[str, Any], contract: Contract) -> None:
    assert seen["session_zone"] == seen["zone"], "otherwise this test would show nothing"
    assert seen["days"] == [contract.days, contract.days]
    if seen["zone"] == "America/New_York":
        assert len(seen["days_of_the_instant"]) > len(contract.days), "what a tool gets that cuts the instant into days of its own"


def test_the_reader_is_refused_whatever_is_not_reading_bi(seen: dict[str, Any], contract: Contract) -> None:
    assert seen["secret"] == INSUFFICIENT_PRIVILEGE
    assert seen["writes"] == [INSUFFICIENT_PRIVILEGE] * len(WRITES)
    # The catalogue is open to every role: the driver lists the tables behind the views by name, and not one row of them.
    assert {name for name, kind, _ in seen["hidden"] if kind in {"TABLE", "PARTITIONED TABLE", "VIEW"}} == contract.hidden
