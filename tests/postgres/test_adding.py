"""Adding endpoints, metrics and a dimension, as CONTRIBUTING says: one entry, one generated migration, and nobody's view breaks."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from meterhouse.warehouse.schema import SCHEMA_REVISION
from meterhouse.warehouse.view_reach import VIEW_NAMES

from .changed_tree import ROOT, Tree
from .loaded_organization import LoadedOrganization

ENTRY = """
ECHO_ROOM = Dimension("echo_room", "Room that the echo was heard in.", max_length=64)
ECHOES = Endpoint(
    "echoes", "Echoes heard.", "organization.usage.echoes.result", (*CALLER_AND_MODEL, ECHO_ROOM),
    (Metric("num_echoes", "echoes", "echoes", "Echoes heard.", required=True), REQUESTS),
    repeated_metrics=(REQUESTS,),
)
SILENCES = Endpoint(
    "silences", "Silences kept.", "organization.usage.silences.result", (PROJECT,),
    (Metric("num_silences", "silences", "silences", "Silences kept.", required=True),),
)

USAGE = ("""
DAY_OF_ECHOES = datetime(2026, 11, 16, tzinfo=UTC)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path / "tree")
    tree.change("catalogue/endpoints.py", ("\nUSAGE = (", ENTRY))
    tree.add_to_usage("ECHOES", "SILENCES")
    return tree


def columns(url: str, schema: str) -> dict[str, list[str]]:
    """The columns of every view of a schema, in order."""
    found: dict[str, list[str]] = {}
    with psycopg.connect(url) as connection:
        for view, column in connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s ORDER BY 1, ordinal_position", (schema,)
        ):
            found.setdefault(view, []).append(column)
    return found


def test_a_new_endpoint_with_a_new_metric_and_a_new_dimension_breaks_no_view_of_a_customer(
    acme: LoadedOrganization, tree: Tree, tmp_path: Path
) -> None:
    acme.sync(["images", "costs"]).raise_first()
    url = acme.warehouse.superuser_url
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SCHEMA customer")
        for view in VIEW_NAMES:
            connection.execute(SQL("CREATE VIEW customer.{0} AS SELECT * FROM bi.{0}").format(Identifier(view)))
    before, theirs = columns(url, "bi"), columns(url, "customer")
    figures = "SELECT usage_date, size, images, requests FROM {}.usage_daily WHERE endpoint = 'images' ORDER BY 1, 2, 3"
    images = acme.query(figures.format("bi"))

    written = tree.run("meterhouse.local.new_migration", "echoes")
    revision = f"{int(SCHEMA_REVISION) + 1:04d}"
    assert Path(written.strip()).name == f"{revision}_echoes.py"
    said = tree.run("meterhouse", "migrate", METERHOUSE_MIGRATE_URL=acme.warehouse.owner_url)
    assert said.startswith(f"applied {revision};")

    after = columns(url, "bi")
    assert columns(url, "customer") == theirs
    for view, names in before.items():
        assert after[view][: len(names)] == names
    added = {view: set(names) - set(before[view]) for view, names in after.items() if names != before[view]}
    assert added["usage_daily"] == added["usage_hourly"] == added["fact_usage_daily"] == {"echoes", "echo_room", "silences"}
    assert added["usage_daily_by_model"] == {"echoes", "silences"}
    assert acme.query(figures.format("customer")) == images

    recordings = tmp_path / "recordings"
    recordings.mkdir()
    row = {"object": "organization.usage.echoes.result", "num_echoes": 7, "num_model_requests": 2, "project_id": "proj_1", "user_id": None}
    bucket = {"object": "bucket", "start_time": int(DAY_OF_ECHOES.timestamp()), "end_time": int(DAY_OF_ECHOES.timestamp()) + 86400}
    bucket["results"] = [row | {"api_key_id": "key_1", "model": "echo-1", "echo_room": room} for room in ("cave", "hall")]
    page = {"object": "page", "data": [bucket], "has_more": False, "next_page": None}
    (recordings / "echoes.json").write_text(json.dumps(page))
    bucket["results"] = [{"object": "organization.usage.silences.result", "num_silences": 3, "project_id": "proj_1"}]
    (recordings / "silences.json").write_text(json.dumps(page))
    # By its costs the key shows whose it is, as the project is a new one.
    shutil.copy(ROOT / "tests" / "recordings" / "costs.json", recordings)
    with tree.vendor(recordings) as vendor:
        day = f"{DAY_OF_ECHOES:%Y-%m-%d}"
        keys = {"OPENAI_ADMIN_KEY_ACME": vendor["OPENAI_ADMIN_KEY"], "OPENAI_BASE_URL": vendor["OPENAI_BASE_URL"]}
        words = ("backfill", "--from", day, "--to", day, "--only", "echoes,silences")
        tree.run("meterhouse", *words, WAREHOUSE_URL=acme.warehouse.loader_url, **keys)
    with psycopg.connect(acme.warehouse.reader_url) as reader:
        found = reader.execute("SELECT usage_date, echo_room, echoes, requests FROM bi.usage_daily WHERE endpoint = 'echoes' ORDER BY 2")
        assert found.fetchall() == [(DAY_OF_ECHOES.date(), "cave", 7, 2), (DAY_OF_ECHOES.date(), "hall", 7, 2)]
        summed = reader.execute("SELECT usage_date, model, echoes FROM bi.usage_daily_by_model WHERE endpoint = 'echoes'")
        assert summed.fetchall() == [(DAY_OF_ECHOES.date(), "echo-1", 14)]
        told = reader.execute("SELECT endpoint, sum(silences), sum(requests) FROM bi.usage_daily_by_model WHERE usage_date = %s"
                              " AND endpoint IN ('echoes', 'silences') GROUP BY 1 ORDER BY 1", (DAY_OF_ECHOES.date(),))  # fmt: skip
        assert told.fetchall() == [("echoes", None, 4), ("silences", 3, None)]
        # By key: requests that the model's endpoint counts are left out, and so is the endpoint whose rows name no caller.
        by_key = (
            "SELECT api_key_id, requests FROM bi.usage_by_api_key_daily WHERE usage_date = %s AND coalesce(api_key_id, 'key_1') = 'key_1'"
        )
        assert reader.execute(by_key, (DAY_OF_ECHOES.date(),)).fetchall() == [("key_1", None)]
    assert DAY_OF_ECHOES + timedelta(days=1) < acme.now


def test_a_migration_with_nothing_in_it_and_two_of_one_number_are_noticed(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "tree")
    *_, file, remark = tree.run("meterhouse.local.new_migration", "nothing").splitlines()
    assert remark.startswith("It is empty, as the tables are already those of the catalogue (a new endpoint has to be named in USAGE).")
    # As after a merge of two branches that each wrote one.
    shutil.copy(file, Path(file).with_name(Path(file).name.replace("nothing", "other")))
    (refused,) = tree.run("meterhouse.local.new_migration", "third", exit_status=1).splitlines()
    number = Path(file).name.partition("_")[0]
    assert refused == (
        f"{number}_nothing.py and {number}_other.py have the same number:"
        " delete the one that is not on main yet, and run make migration again"
    )
