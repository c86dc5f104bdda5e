"""Adding an endpoint, a metric and a dimension, as CONTRIBUTING says: one entry, one generated migration, and nobody's view breaks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from meterhouse.ports import free_port
from meterhouse.warehouse.schema import SCHEMA_REVISION
from meterhouse.warehouse.views import VIEW_NAMES

from .loaded_organization import LoadedOrganization

ROOT = Path(__file__).resolve().parents[2]
ENTRY = """
ECHO_ROOM = Dimension("echo_room", "Room that the echo was heard in.", max_length=64)
ECHOES = Endpoint(
    "echoes", "Echoes heard.", "organization.usage.echoes.result", (*CALLER_AND_MODEL, ECHO_ROOM),
    (Metric("num_echoes", "echoes", "echoes", "Echoes heard.", required=True), REQUESTS),
)

USAGE = ("""
DAY_OF_ECHOES = datetime(2026, 11, 16, tzinfo=UTC)


class Tree:
    """A copy of the package and its migrations, to be changed."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for folder in ("etl", "migrations"):
            shutil.copytree(ROOT / folder, place / folder, ignore=shutil.ignore_patterns("__pycache__"))

    @property
    def catalogue(self) -> Path:
        return self.place / "etl" / "meterhouse" / "catalogue" / "endpoints.py"

    def environment(self, **more: str) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.place / "etl"), "METERHOUSE_HOME": str(self.place / "home")} | more

    def run(self, module: str, *words: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", module, *words], env=self.environment(**environment), cwd=self.place, capture_output=True, text=True,
            check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def vendor(self, recordings: Path) -> Iterator[dict[str, str]]:
        command = [sys.executable, "-m", "meterhouse", "fake-api", "--port", str(free_port()), "--replay", str(recordings)]
        process = subprocess.Popen(command, env=self.environment(), cwd=self.place, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout
            yield dict(re.findall(r"(OPENAI_\w+)=(\S+)", process.stdout.readline()))
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path / "tree")
    text = tree.catalogue.read_text()
    changed = text.replace("\nUSAGE = (", ENTRY, 1).replace("WEB_SEARCH_CALLS,\n)", "WEB_SEARCH_CALLS, ECHOES,\n)", 1)
    assert changed.count("ECHOES") == 2
    tree.catalogue.write_text(changed)
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
    assert added["usage_daily"] == added["usage_hourly"] == added["fact_usage_daily"] == {"echoes", "echo_room"}
    assert added["usage_daily_by_model"] == {"echoes"}
    assert acme.query(figures.format("customer")) == images

    recordings = tmp_path / "recordings"
    recordings.mkdir()
    row = {"object": "organization.usage.echoes.result", "num_echoes": 7, "num_model_requests": 2, "project_id": "proj_1", "user_id": None}
    bucket = {"object": "bucket", "start_time": int(DAY_OF_ECHOES.timestamp()), "end_time": int(DAY_OF_ECHOES.timestamp()) + 86400}
    bucket["results"] = [row | {"api_key_id": "key_1", "model": "echo-1", "echo_room": room} for room in ("cave", "hall")]
    page = {"object": "page", "data": [bucket], "has_more": False, "next_page": None}
    (recordings / "echoes.json").write_text(json.dumps(page))
    # By its costs the key shows whose it is, as the project is a new one.
    shutil.copy(ROOT / "tests" / "recordings" / "costs.json", recordings)
    with tree.vendor(recordings) as vendor:
        day = f"{DAY_OF_ECHOES:%Y-%m-%d}"
        keys = {"OPENAI_ADMIN_KEY_ACME": vendor["OPENAI_ADMIN_KEY"], "OPENAI_BASE_URL": vendor["OPENAI_BASE_URL"]}
        tree.run("meterhouse", "backfill", "--from", day, "--to", day, "--only", "echoes", WAREHOUSE_URL=acme.warehouse.loader_url, **keys)
    with psycopg.connect(acme.warehouse.reader_url) as reader:
        found = reader.execute("SELECT usage_date, echo_room, echoes, requests FROM bi.usage_daily WHERE endpoint = 'echoes' ORDER BY 2")
        assert found.fetchall() == [(DAY_OF_ECHOES.date(), "cave", 7, 2), (DAY_OF_ECHOES.date(), "hall", 7, 2)]
        summed = reader.execute("SELECT usage_date, model, echoes FROM bi.usage_daily_by_model WHERE endpoint = 'echoes'")
        assert summed.fetchall() == [(DAY_OF_ECHOES.date(), "echo-1", 14)]
    assert DAY_OF_ECHOES + timedelta(days=1) < acme.now
