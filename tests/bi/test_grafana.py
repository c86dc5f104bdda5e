"""Grafana's files: every panel's SQL is run as the reader once its macros are expanded, and the JSON is one that Grafana's types take.

Grafana itself was not run.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from tests.bi.asked import asked
from tests.conftest import Warehouse
from tests.postgres.loaded_organization import LoadedOrganization

from meterhouse.bi_files.columns import columns_of
from meterhouse.bi_files.files import CHECKED_IN
from meterhouse.bi_files.grafana import DATASOURCE_UID, dashboard, files, panel_sql
from meterhouse.bi_files.questions import QUESTIONS, Question, caption

from .test_questions import TOTALS

FILES = CHECKED_IN / "grafana"

# As the PostgreSQL datasource of Grafana expands them, by its manual.
FROM, TO = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)
SECONDS = {"1h": 3600, "1d": 86400}
SCHEMA = "@grafana/schema@13.2.3"


def expanded(sql: str, projects: list[str], start: datetime = FROM, end: datetime = TO) -> str:
    """Return the SQL as Grafana sends it."""
    between = f"BETWEEN '{start:%Y-%m-%dT%H:%M:%SZ}' AND '{end:%Y-%m-%dT%H:%M:%SZ}'"
    sql = re.sub(r"\$__timeFilter\(([^)]+)\)", rf"\1 {between}", sql)
    sql = re.sub(
        r"\$__timeGroup\(([^,]+), *'(\w+)'\)",
        lambda found: f"floor(extract(epoch from {found[1]})/{SECONDS[found[2]]})*{SECONDS[found[2]]}",
        sql,
    )
    quoted = ",".join("'" + name.replace("'", "''") + "'" for name in projects)
    sql = sql.replace("${project:sqlstring}", quoted)
    assert "$" not in sql
    return sql


@pytest.fixture(scope="module")
def loaded(module_warehouse: Warehouse) -> Iterator[LoadedOrganization]:
    """Seven weeks of a small organization, loaded and then loaded again after the vendor had restated some of it."""
    with asked(module_warehouse, scale=0.2) as organization:
        yield organization


@pytest.fixture(scope="module")
def projects(loaded: LoadedOrganization) -> list[str]:
    """What the dashboard's variable offers."""
    (variable,) = dashboard()["templating"]["list"]
    return [name for (name,) in loaded.read(variable["query"])]


def answer(loaded: LoadedOrganization, sql: str, zone: str = "UTC") -> list[dict[str, Any]]:
    with psycopg.connect(loaded.warehouse.reader_url, options=f"-c timezone={zone}") as connection:
        found = connection.execute(sql.encode())
        names = [column.name for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_panels_sql_runs_as_the_reader_and_adds_up(loaded: LoadedOrganization, projects: list[str], question: Question) -> None:
    rows = answer(loaded, expanded(panel_sql(question), projects))
    assert rows
    if question.total is None:
        return
    column = caption(question.total) if question.time else question.total
    ((wanted,),) = loaded.read(TOTALS[question.name])
    assert sum(row[column] or 0 for row in rows) == wanted > 0


@pytest.mark.parametrize("question", [question for question in QUESTIONS if question.time], ids=lambda question: question.name)
def test_a_bucket_is_at_its_utc_start_whatever_zone_the_session_has(
    loaded: LoadedOrganization, projects: list[str], question: Question
) -> None:
    sql = expanded(panel_sql(question), projects)
    utc, far = answer(loaded, sql), answer(loaded, sql, "America/New_York")
    assert utc == far
    width = 3600 if question.time == "bucket_start_utc" else 86400
    assert {int(row["time"]) % width for row in utc} == {0}
    if question.series:
        assert {type(row["metric"]) for row in utc} == {str}


def test_the_chosen_range_is_whole_utc_days_and_instants_for_hours(loaded: LoadedOrganization, projects: list[str]) -> None:
    by_name = {question.name: question for question in QUESTIONS}
    start = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
    days = answer(loaded, expanded(panel_sql(by_name["cost_per_day"]), projects, start, start + timedelta(hours=1)))
    assert [int(row["time"]) for row in days] == [int(datetime(2026, 11, 20, tzinfo=UTC).timestamp())]
    hours = answer(loaded, expanded(panel_sql(by_name["requests_per_hour"]), projects, start, start + timedelta(hours=3)))
    assert [datetime.fromtimestamp(int(row["time"]), UTC).hour for row in hours] == [7, 8, 9]


def test_a_chosen_project_is_the_only_one_that_is_counted(loaded: LoadedOrganization, projects: list[str]) -> None:
    (question,) = [question for question in QUESTIONS if question.name == "requests_by_project"]
    for row in answer(loaded, expanded(panel_sql(question), projects)):
        (alone,) = answer(loaded, expanded(panel_sql(question), [row["project"]]))
        assert alone == row


def test_the_committed_files_are_what_the_questions_make() -> None:
    committed = {path.relative_to(FILES).as_posix(): path.read_text() for path in FILES.rglob("*.*")}
    assert files() == committed, "run python -m meterhouse.bi_files.grafana"


def test_the_datasource_is_the_reader_that_the_environment_names_with_its_password() -> None:
    (source,) = yaml.safe_load((FILES / "provisioning" / "datasources" / "meterhouse.yaml").read_text())["datasources"]
    assert source["secureJsonData"] == {"password": "$METERHOUSE_READER_PASSWORD"}
    assert (source["user"], source["uid"]) == ("$METERHOUSE_READER_USER", DATASOURCE_UID)
    assert "password" not in source["jsonData"]


def test_panels_do_not_overlap_and_each_asks_the_datasource_that_is_provisioned() -> None:
    taken: set[tuple[int, int]] = set()
    panels = dashboard()["panels"]
    assert [panel["title"] for panel in panels] == [question.title for question in QUESTIONS]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
        assert {panel["datasource"]["uid"], panel["targets"][0]["datasource"]["uid"]} == {DATASOURCE_UID}


def test_the_variable_asks_for_a_column_that_is_there() -> None:
    (variable,) = dashboard()["templating"]["list"]
    (name, view) = re.fullmatch(r"SELECT DISTINCT (\w+) FROM bi\.(\w+) ORDER BY 1", variable["query"]).groups()
    assert name in {column.name for column in columns_of(view)}
    assert variable["name"] == "project"


def checked_by_typescript(folder: Path, content: dict[str, Any]) -> str:
    """Return what TypeScript says of a dashboard that is to be one of Grafana's own type; empty when it is."""
    (folder / "dashboard.ts").write_text(
        'import type { Dashboard } from "@grafana/schema";\n'
        f"export const dashboard: Partial<Dashboard> & {{ title: string }} = {json.dumps(content, indent=1)};\n"
    )
    compiler = [folder / "node_modules" / ".bin" / "tsc", "--noEmit", "--strict", "--skipLibCheck", "--moduleResolution", "bundler"]
    done = subprocess.run(
        [*compiler, "--module", "esnext", "dashboard.ts"], cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.bi_tools
def test_the_dashboard_is_one_by_the_types_that_grafana_publishes(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed (on Debian: apt-get install npm)")
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", SCHEMA, "typescript@5.9.3"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        pytest.skip(f"{SCHEMA} cannot be installed here: {(done.stderr or done.stdout).strip()[-300:]}")
    assert checked_by_typescript(tmp_path, dashboard()) == ""
    broken = dashboard()
    broken["panels"][0]["gridPos"] = {"x": "left"}
    assert "dashboard.ts" in checked_by_typescript(tmp_path, broken)
    assert "heading" in checked_by_typescript(tmp_path, dashboard() | {"heading": "no such property"})
