"""The schema as node-postgres shows it: Evidence and many hosted tools. Its packages come by npm into pytest's cache."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.bi.driver_contract import INSUFFICIENT_PRIVILEGE, WRITES, ZONES, Contract, Server, base, probed, size_and_scale
from tests.conftest import Warehouse

FOLDER = Path(__file__).parent / "node"
pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="no node: apt-get install nodejs npm"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="no npm: apt-get install npm"),
]
# The numbers that the wire protocol has for the server's types.
NUMBERS = {
    "bigint": 20, "boolean": 16, "character varying": 1043, "date": 1082, "numeric": 1700, "timestamp with time zone": 1184,
    "timestamp without time zone": 1114, "integer": 23, "double precision": 701,
}  # fmt: skip


@pytest.fixture(scope="module")
def modules(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The driver as the lock file pins it, installed once for as long as the lock file stays."""
    lock = (FOLDER / "package-lock.json").read_bytes()
    # Without its plugin there is no cache.
    cache = getattr(request.config, "cache", None)
    folder = Path(cache.mkdir("node") if cache else tmp_path_factory.mktemp("node")) / hashlib.sha256(lock).hexdigest()[:16]
    folder.mkdir(exist_ok=True)
    if not (folder / "done").exists():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(FOLDER / name, folder)
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0", "--fetch-timeout=20000"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("npm ci did not end: no network?")
        if done.returncode:
            reason = next((line for line in done.stderr.splitlines() if "npm error" in line), "it says nothing")
            if "network" in done.stderr or "ENOTFOUND" in done.stderr or "ECONN" in done.stderr or "ETIMEDOUT" in done.stderr:
                pytest.skip(f"npm ci finds no registry ({reason})")
            pytest.fail(done.stderr)
        (folder / "done").touch()
    return folder / "node_modules"


@pytest.fixture(scope="module", params=ZONES)
def seen(request: pytest.FixtureRequest, loaded_warehouse: Warehouse, contract: Contract, modules: Path) -> dict[str, Any]:
    """What the driver saw, from a process in one of the zones."""
    server = Server.of(loaded_warehouse.reader_url)
    connection = {"host": server.host, "port": server.port, "database": server.database, "user": server.user, "password": server.password}
    environment = {**os.environ, "TZ": request.param, "NODE_PATH": str(modules)}
    probe = ["node", str(FOLDER / "probe.js")]
    return probed(probe, contract, {"connection": connection}, zone=request.param, timeout=60, environment=environment)


def test_every_way_to_list_the_schema_finds_the_same_views(seen: dict[str, Any], contract: Contract) -> None:
    for listed in seen["listed"]:
        assert sorted(listed) == sorted(contract.columns)


def test_columns_have_their_types_sizes_and_scales(seen: dict[str, Any], contract: Contract) -> None:
    for view, columns in contract.columns.items():
        for (name, kind, _), (found, number, modifier) in zip(columns, seen["columns"][view], strict=True):
            assert (found, number) == (name, NUMBERS[base(kind)]), f"{view}.{name}"
            if base(kind) == "numeric":
                assert ((modifier - 4) >> 16, (modifier - 4) & 0xFFFF) == size_and_scale(kind), f"{view}.{name}"
            if base(kind) == "character varying":
                assert modifier - 4 == size_and_scale(kind)[0], f"{view}.{name}"


def test_amounts_come_as_exact_texts_and_unknown_is_null(seen: dict[str, Any], contract: Contract) -> None:
    amounts = [amount for amount in seen["amounts"] if amount is not None]
    assert {type(amount) for amount in amounts} == {str}
    assert (len(amounts), sum(map(Decimal, amounts))) == (contract.amounts, contract.total)
    assert seen["unknown"] == [None]


def test_a_day_is_the_vendors_day_where_the_process_shows_it_in_its_own_zone(seen: dict[str, Any], contract: Contract) -> None:
    wanted = [[day, str(tokens)] for day, tokens in contract.days]
    assert seen["days"] == [wanted, wanted]
    # A date comes as local midnight: east of Greenwich, JSON makes the day before of it, which is why the guide casts it to text.
    as_json = [day < right for day, (right, _) in zip(seen["json"][0], contract.days, strict=True)]
    assert set(as_json) == {seen["zone"] != "America/New_York"}


def test_the_reader_is_refused_whatever_is_not_reading_bi(seen: dict[str, Any]) -> None:
    assert seen["secret"] == INSUFFICIENT_PRIVILEGE
    assert seen["writes"] == [INSUFFICIENT_PRIVILEGE] * len(WRITES)
    assert seen["hidden"] == ["bi", "information_schema", "pg_catalog"]


def test_the_lock_file_pins_by_digest_and_names_no_registry() -> None:
    text = (FOLDER / "package-lock.json").read_text()
    packages = {name: entry for name, entry in json.loads(text)["packages"].items() if name}
    assert "node_modules/pg" in packages
    assert all(entry["integrity"].startswith("sha512-") and entry["version"] for entry in packages.values())
    assert "http" not in text
    assert "resolved" not in text
