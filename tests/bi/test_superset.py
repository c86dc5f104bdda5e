"""The Superset bundle: what is committed is what the questions make, every column is one of the views, and nothing in it is secret."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from meterhouse.bi_files.columns import columns_of, view_comments
from meterhouse.bi_files.files import CHECKED_IN, run
from meterhouse.bi_files.questions import QUESTIONS
from meterhouse.bi_files.superset.bundling import bundle, files
from meterhouse.bi_files.superset.command import main
from meterhouse.bi_files.superset.datasets import dataset_name

FILES = CHECKED_IN / "superset" / "bundle"

COMMITTED = {path.relative_to(FILES).as_posix(): yaml.safe_load(path.read_text()) for path in FILES.rglob("*.yaml")}


def of(kind: str) -> dict[str, dict[str, Any]]:
    """The committed files of one kind, by uuid."""
    return {content["uuid"]: content for path, content in COMMITTED.items() if path.startswith(f"{kind}/")}


def test_the_committed_files_are_what_the_questions_make() -> None:
    assert files() == COMMITTED, "run python -m meterhouse.bi_files.superset"


def test_every_reference_leads_to_a_file_of_the_bundle() -> None:
    (database,) = of("databases")
    assert {content["database_uuid"] for content in of("datasets").values()} == {database}
    assert {content["dataset_uuid"] for content in of("charts").values()} == set(of("datasets"))
    (dashboard,) = of("dashboards").values()
    placed = [part["meta"]["uuid"] for part in dashboard["position"].values() if isinstance(part, dict) and part["type"] == "CHART"]
    assert sorted(placed) == sorted(of("charts"))
    assert len(placed) == len(QUESTIONS)
    targets = [target for one in dashboard["metadata"]["native_filter_configuration"] for target in one["targets"] if target]
    assert targets
    for target in targets:
        names = {column["column_name"] for column in of("datasets")[target["datasetUuid"]]["columns"]}
        assert target["column"]["name"] in names


def test_charts_fit_on_the_grid() -> None:
    (dashboard,) = of("dashboards").values()
    position = dashboard["position"]
    rows = [part for part in position.values() if isinstance(part, dict) and part["type"] == "ROW"]
    assert rows
    for row in rows:
        assert sum(position[child]["meta"]["width"] for child in row["children"]) <= 12


@pytest.mark.parametrize("dataset", sorted({dataset_name(question) for question in QUESTIONS} - {"cost_by_project_month"}))
def test_a_dataset_describes_its_view_in_the_dictionarys_words(dataset: str) -> None:
    (content,) = [one for one in of("datasets").values() if one["table_name"] == dataset]
    assert content["description"] == view_comments()[dataset]
    plain = {column["column_name"]: column["description"] for column in content["columns"] if column["expression"] is None}
    assert plain == {column.name: column.description for column in columns_of(dataset)}


def test_every_chart_asks_for_columns_and_metrics_that_its_dataset_has() -> None:
    for chart in of("charts").values():
        dataset = of("datasets")[chart["dataset_uuid"]]
        columns = {column["column_name"] for column in dataset["columns"]}
        metrics = {metric["metric_name"] for metric in dataset["metrics"]}
        assert not columns & metrics
        (query,) = json.loads(chart["query_context"])["queries"]
        asked = {column["sqlExpression"] if isinstance(column, dict) else column for column in query["columns"]}
        assert asked <= columns, chart["slice_name"]
        assert set(query.get("metrics", [])) <= metrics, chart["slice_name"]
        assert {one["col"] for one in query["filters"]} <= columns
        form = chart["params"]
        assert set(form.get("metrics", [])) | ({form["metric"]} if "metric" in form else set()) == set(query.get("metrics", []))
        assert json.loads(chart["query_context"])["form_data"] == form


def test_the_bundle_names_the_reader_and_holds_no_password(tmp_path: Path) -> None:
    out = tmp_path / "bundle.zip"
    main(["--zip", str(out), "--warehouse", "db.example.com:6432/bills", "--user", "superset"])
    with zipfile.ZipFile(out) as made:
        names = made.namelist()
        texts = {name: made.read(name).decode() for name in names}
    assert {name.partition("/")[0] for name in names} == {"meterhouse"}
    assert {name.partition("/")[2] for name in names} == set(COMMITTED)
    (database,) = [yaml.safe_load(text) for name, text in texts.items() if "/databases/" in name]
    assert database["sqlalchemy_uri"] == "postgresql+psycopg2://superset@db.example.com:6432/bills"
    # Superset fails without this key.
    assert database["extra"] == {}
    assert not [name for name, text in texts.items() if "password" in text.lower()]


@pytest.mark.parametrize("address", ["reader:secret@db:5432/bills", "db/bills", "postgresql://db:5432/bills"])
def test_an_address_with_a_password_or_of_another_form_is_refused(tmp_path: Path, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(main, ["--zip", str(tmp_path / "bundle.zip"), "--warehouse", address])
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "is not an address of a warehouse: write it as db.example.com:5432/meterhouse" in line
    assert not (tmp_path / "bundle.zip").exists()


def test_two_zips_of_the_same_sources_have_the_same_ids(tmp_path: Path) -> None:
    bundle(tmp_path / "one.zip")
    bundle(tmp_path / "two.zip", "db.example.com:5432/bills")

    def ids(path: Path) -> dict[str, str]:
        with zipfile.ZipFile(path) as made:
            return {name: yaml.safe_load(made.read(name)).get("uuid") for name in made.namelist()}

    assert ids(tmp_path / "one.zip") == ids(tmp_path / "two.zip")


def test_files_of_others_in_a_folder_that_was_named_stay(tmp_path: Path) -> None:
    somebody_elses = tmp_path / "bundle" / "databases" / "theirs.yaml"
    somebody_elses.parent.mkdir(parents=True)
    somebody_elses.write_text("a: 1")
    with pytest.raises(SystemExit) as done:
        run(main, ["--out", str(tmp_path)])
    assert done.value.code == 0
    assert somebody_elses.read_text() == "a: 1"
    assert len(list(tmp_path.rglob("*.yaml"))) == len(COMMITTED) + 1
