"""A second vendor: from its stand-in into `bi`, with a folder of its own, entries in the catalogue and one generated migration."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.toy_vendor import catalogue
from tests.toy_vendor.stand_in import KEY, Days, tally

from meterhouse.warehouse.schema import SCHEMA_REVISION

from .changed_tree import ROOT, Tree
from .loaded_organization import LoadedOrganization

FIRST = datetime.now(UTC).date() - timedelta(days=12)
SECOND = FIRST + timedelta(days=9)
DAYS: Days = {
    FIRST: (
        [
            {"workspace": "ws-1", "model": "stew@1", "messages": 7, "tokens_in": 70},
            {"workspace": "ws-1", "model": "stew@2", "messages": 1, "tokens_in": 10},
            {"workspace": "ws-2", "model": "stew@2", "messages": 2, "tokens_in": 20},
        ],
        [
            {"workspace": "ws-1", "entry": "model: stew@1", "cents": "1999"},
            {"workspace": "ws-2", "entry": "fee: shelf", "cents": "-5"},
        ],
    ),
    # On another page.
    SECOND: (
        [{"workspace": "ws-1", "model": "stew@1", "messages": 100, "tokens_in": 9_000_000_000}],
        [{"workspace": "ws-1", "entry": "model: stew@1", "cents": "123456789012"}],
    ),
}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path / "tree")
    shutil.copytree(
        ROOT / "tests" / "toy_vendor" / "tally", tree.package / "vendors" / "tally", ignore=shutil.ignore_patterns("__pycache__")
    )
    tree.change("catalogue/vendors.py", ("VENDORS", catalogue.VENDOR), ("(OPENAI,)", "(OPENAI, TALLY)"))
    tree.change(
        "catalogue/endpoints.py",
        ("import OPENAI, Vendor", "import OPENAI, TALLY, Vendor"),
        ("USAGE = (", catalogue.USAGE),
        ("COSTS_OF_VENDORS = (COSTS,)", catalogue.COSTS),
    )
    tree.add_to_usage("MESSAGES")
    return tree


def test_a_second_vendor_is_a_folder_entries_and_one_migration(acme: LoadedOrganization, tree: Tree) -> None:
    acme.sync(["images", "costs"]).raise_first()
    theirs = "SELECT * FROM {} WHERE organization = 'acme' ORDER BY usage_date, project_id, {}"
    images = acme.query(theirs.format("bi.usage_daily_by_model", "model"))
    bills = acme.query(theirs.format("bi.costs_daily", "line_item, api_key_id"))

    tree.run("meterhouse.local.new_migration", "messages")
    said = tree.run("meterhouse", "migrate", METERHOUSE_MIGRATE_URL=acme.warehouse.owner_url)
    assert said.startswith(f"applied {int(SCHEMA_REVISION) + 1:04d};")

    with tally(DAYS) as base_url:
        environment = {
            "WAREHOUSE_URL": acme.warehouse.loader_url,
            "TALLY_KEY_KITCHEN": KEY,
            "TALLY_BASE_URL": base_url,
            "METERHOUSE_HISTORY_START": f"{FIRST:%Y-%m-%d}",
        }
        said = tree.run("meterhouse", "sync", **environment)
        assert {line.split(":")[0] for line in said.splitlines()} == {"kitchen/messages/1d", "kitchen/costs/1d", "kitchen"}
        again = tree.run("meterhouse", "sync", **environment)
        assert re.findall(r"(\d+) new, (\d+) changed, (\d+) removed", again) == [("0", "0", "0")] * 2
        refused = tree.run("meterhouse", "sync", exit_status=2, **environment | {"TALLY_KEY_KITCHEN": KEY[:-1] + "x"})
        assert "set TALLY_KEY to one of the owner's keys" in refused
        refused = tree.run("meterhouse", "sync", exit_status=2, **environment | {"TALLY_KEY_ACME": KEY})
        assert "the label acme holds an organization of openai: give the key of tally a label of its own (TALLY_KEY_<LABEL>)" in refused
    refused = tree.run("meterhouse", "sync", exit_status=2, **environment | {"TALLY_KEY_KITCHEN": "sk-0123456789abcdef"})
    assert "TALLY_KEY_KITCHEN does not look like an admin key: it must begin with tk_" in refused

    assert acme.read("SELECT organization, vendor FROM bi.dim_organization ORDER BY 1") == [("acme", "openai"), ("kitchen", "tally")]
    assert acme.read(
        "SELECT usage_date, project_name, model, messages, input_tokens FROM bi.usage_daily WHERE endpoint = 'messages' ORDER BY 1, 2, 4"
    ) == [
        (FIRST, "Cellar", "stew", 2, 20),
        (FIRST, "Kitchen", "stew", 1, 10),
        (FIRST, "Kitchen", "stew", 7, 70),
        (SECOND, "Kitchen", "stew", 100, 9_000_000_000),
    ]
    by_model = "SELECT usage_date, model, sum(messages)::bigint FROM bi.usage_daily_by_model WHERE messages > 0 GROUP BY 1, 2 ORDER BY 1"
    assert acme.read(by_model) == [
        (FIRST, "stew", 10), (SECOND, "stew", 100),
    ]  # fmt: skip
    assert acme.read(
        "SELECT usage_date, project_name, line_item, model, category, cost, currency, cost_usd FROM bi.costs_daily"
        " WHERE organization = 'kitchen' ORDER BY 1, 2"
    ) == [
        (FIRST, "Cellar", "fee: shelf", None, "other", Decimal("-0.05"), "eur", None),
        (FIRST, "Kitchen", "model: stew@1", "stew", "text_tokens", Decimal("19.99"), "eur", None),
        (SECOND, "Kitchen", "model: stew@1", "stew", "text_tokens", Decimal("1234567890.12"), "eur", None),
    ]
    assert acme.query(theirs.format("bi.usage_daily_by_model", "model")) == [(*row, None) for row in images]
    assert acme.query(theirs.format("bi.costs_daily", "line_item, api_key_id")) == bills
