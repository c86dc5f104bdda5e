"""The Power BI project, read by Microsoft's own tools: the object model that Power BI Desktop is built on, and the parser of M.

Both come from npm, into a folder that is thrown away; neither is part of this project (`make bi-test`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meterhouse.bi_files.columns import columns_of
from meterhouse.bi_files.powerbi.access import ACCESS_TABLE, ROLE, role_filters
from meterhouse.bi_files.powerbi.measures import MEASURE_TABLE, measures
from meterhouse.bi_files.powerbi.project import files
from meterhouse.bi_files.powerbi.star import TABLES, model_column, relationships
from meterhouse.catalogue.dictionary import COLUMNS

pytestmark = pytest.mark.bi_tools

FOLDER = Path(__file__).resolve().parents[2] / "bi" / "powerbi"
OBJECT_MODEL = "@microsoft/powerbi-modeling-mcp@0.5.0-beta.13"
M_PARSER = "@microsoft/powerquery-parser@0.18.4"
# What the object model calls the types.
LOADED_AS = {"bigint": "Int64", "numeric": "Double", "boolean": "Boolean", "varchar": "String"}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the npm packages in it."""
    folder = tmp_path_factory.mktemp("npm")
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed, so Microsoft's tools cannot be fetched")
    (folder / "package.json").write_text("{}")
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", OBJECT_MODEL, M_PARSER]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        pytest.skip(f"npm could not fetch Microsoft's tools: {done.stderr.strip().splitlines()[-1][:200]}")
    return folder


class ObjectModel:
    """Microsoft's tabular object model behind its own small server: JSON-RPC, a line a message."""

    def __init__(self, program: Path) -> None:
        environment = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
        self.process = subprocess.Popen(
            [program, "--start"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        self._number = 0
        client = {"name": "meterhouse tests", "version": "1"}
        self._call("initialize", {"protocolVersion": "2024-11-05", "capabilities": {"elicitation": {}}, "clientInfo": client})
        self._send({"method": "notifications/initialized"})

    def ask(self, tool: str, **request: Any) -> dict[str, Any]:
        """The answer of one operation; an error's text under "failed"."""
        answer = self._call("tools/call", {"name": tool, "arguments": {"request": request}})
        text = answer["result"]["content"][0]["text"]
        return {"failed": text} if answer["result"].get("isError") or not text.startswith("{") else json.loads(text)

    def load(self, folder: Path) -> dict[str, Any]:
        return self.ask("connection_operations", operation="ConnectFolder", folderPath=str(folder))

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()

    def _send(self, message: dict[str, Any]) -> None:
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def _call(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": parameters})
        while line := self.process.stdout.readline():
            message = json.loads(line)
            if "method" in message and "id" in message:
                # It asks back, for a consent.
                self._send({"id": message["id"], "result": {"action": "accept", "content": {}}})
            elif message.get("id") == self._number:
                return message
        raise AssertionError("the object model's server went away")


@pytest.fixture
def object_model(packages: Path) -> Iterator[ObjectModel]:
    started = ObjectModel(packages / "node_modules" / ".bin" / "powerbi-modeling-mcp")
    yield started
    started.close()


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A copy of the committed model, which a test may spoil."""
    return Path(shutil.copytree(FOLDER / "meterhouse.SemanticModel", tmp_path / "meterhouse.SemanticModel"))


def test_the_object_model_loads_every_table_measure_relationship_and_the_role(object_model: ObjectModel, model_folder: Path) -> None:
    loaded = object_model.load(model_folder)["data"]
    assert (loaded["tablesLoaded"], loaded["measuresLoaded"], loaded["relationshipsLoaded"]) == (
        len(TABLES) + 2, len(measures()), len(relationships()),
    )  # fmt: skip
    found = object_model.ask("relationship_operations", operation="List")["data"]
    assert {(one["fromTable"], one["fromColumn"], one["toTable"], one["toColumn"]) for one in found} == {
        (one.from_table, one.from_column, one.to_table, one.to_column) for one in relationships()
    }
    assert {(one["fromCardinality"], one["toCardinality"], one["crossFilteringBehavior"], one["isActive"]) for one in found} == {
        ("Many", "One", "OneDirection", True)
    }
    (role,) = object_model.ask("security_role_operations", operation="List")["data"]
    assert (role["name"], role["modelPermission"], set(role["tableNames"])) == (ROLE, "Read", set(role_filters()))


def test_the_loaded_columns_have_the_types_and_descriptions_of_the_views(object_model: ObjectModel, model_folder: Path) -> None:
    object_model.load(model_folder)
    found = {
        one["tableName"]: one["columns"]
        for one in object_model.ask("column_operations", operation="List", filter={"maxResults": 5000})["data"]
    }
    assert set(found) == {*TABLES, MEASURE_TABLE, ACCESS_TABLE}
    for table, view in TABLES.items():
        assert [(one["name"], one["dataType"], one["description"]) for one in found[table]] == [
            (model_column(view, column.name), LOADED_AS.get(column.base_type, "DateTime"), COLUMNS[column.name].comment())
            for column in columns_of(view)
        ], table


def test_the_loaded_measures_have_their_formats_and_descriptions(object_model: ObjectModel, model_folder: Path) -> None:
    object_model.load(model_folder)
    (found,) = object_model.ask("measure_operations", operation="List")["data"]
    assert [(one["name"], one["formatString"], one["description"]) for one in found["measures"]] == [
        (one.name, one.shape, one.description) for one in measures()
    ]


@pytest.mark.parametrize(
    ("file", "right", "wrong", "said"),
    [
        ("tables/Cost.tmdl", "dataType: double", "dataTyp: double", "TMDL Format Error"),
        ("relationships.tmdl", "fromColumn: Cost.model_key", "fromColumn: Cost.model_kee", "Cannot resolve all the paths"),
    ],
)
def test_the_object_model_would_say_so_if_something_were_wrong(
    object_model: ObjectModel, model_folder: Path, file: str, right: str, wrong: str, said: str
) -> None:
    path = model_folder / "definition" / file
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong))
    assert said in object_model.load(model_folder)["failed"]


PARSE = """
const {DefaultSettings, TaskUtils} = require("@microsoft/powerquery-parser");
(async () => {
  const found = [];
  for (const text of JSON.parse(require("fs").readFileSync(0, "utf8"))) {
    const task = await TaskUtils.tryLexParse(DefaultSettings, text);
    found.push(TaskUtils.isParseStageOk(task) ? "ok" : (task.error ? task.error.message : "not parsed"));
  }
  process.stdout.write(JSON.stringify(found));
})();
"""


def parsed(packages: Path, texts: list[str]) -> list[str]:
    done = subprocess.run(["node", "-e", PARSE], cwd=packages, input=json.dumps(texts), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_every_query_is_m_that_microsofts_parser_takes(packages: Path) -> None:
    made = files()
    queries = [text.partition("source =\n")[2] for path, text in made.items() if path.endswith(".tmdl") and "/tables/" in path]
    parameters = re.findall(r"expression \w+ = (.+)", made["meterhouse.SemanticModel/definition/expressions.tmdl"])
    assert len(queries) == len(TABLES) + 2
    assert len(parameters) == 2
    assert set(parsed(packages, [*queries, *parameters])) == {"ok"}
    assert "ok" not in parsed(packages, [queries[0].replace("in\n", "")])
