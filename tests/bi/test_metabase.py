"""Metabase's cards: each one's SQL is run as the reader, with and without its filters, and the files say what is provisioned.

Metabase itself was not run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.bi.asked import asked
from tests.conftest import Warehouse
from tests.postgres.loaded_organization import LoadedOrganization

from meterhouse.bi_files.columns import columns_of, view_comments
from meterhouse.bi_files.files import CHECKED_IN
from meterhouse.bi_files.metabase.content import MODELS, PROJECT, Card, cards, layout, projects_model
from meterhouse.bi_files.metabase.provisioning import PASSWORD_VARIABLE, READER_VARIABLE, USER_VARIABLE
from meterhouse.bi_files.metabase.serialization import files
from meterhouse.bi_files.questions import QUESTIONS

from .test_questions import COUNTED, TOTALS

FILES = CHECKED_IN / "metabase"

CARDS = cards()
COMMITTED = {path.relative_to(FILES).as_posix(): yaml.safe_load(path.read_text()) for path in FILES.rglob("*.yaml")}
BY_TITLE = {question.title: question for question in QUESTIONS}


def with_values(sql: str, values: dict[str, str]) -> str:
    """Fill in the SQL as Metabase does: an optional clause without a value goes, a text or date comes in quotes."""

    def clause(found: re.Match[str]) -> str:
        return found[1] if set(re.findall(r"\{\{(\w+)\}\}", found[1])) <= set(values) else ""

    kept = re.sub(r"\[\[(.*?)\]\]", clause, sql)
    return re.sub(r"\{\{(\w+)\}\}", lambda found: "'" + values[found[1]].replace("'", "''") + "'", kept)


@pytest.fixture(scope="module")
def loaded(module_warehouse: Warehouse) -> Iterator[LoadedOrganization]:
    """Seven weeks of a small organization, loaded and then loaded again after the vendor had restated some of it."""
    with asked(module_warehouse, scale=0.2) as organization:
        yield organization


def total(loaded: LoadedOrganization, card: Card, values: dict[str, str]) -> Any:
    measure = BY_TITLE[card.name].total or "1"
    ((found,),) = loaded.read(f"SELECT sum({measure}) FROM ({with_values(card.sql, values)}) q")
    return found


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_cards_sql_runs_as_the_reader_and_its_total_is_what_plain_sql_says(loaded: LoadedOrganization, card: Card) -> None:
    if card.is_model:
        (view,) = re.findall(r"FROM bi\.(\w+)", card.sql)
        shown = loaded.read(with_values(card.sql, {}))
        assert len(shown) == loaded.read(f"SELECT count(*) FROM bi.{view}")[0][0] > 0
        assert len(shown[0]) == len(card.metadata)
        return
    name = BY_TITLE[card.name].name
    wanted = loaded.query(TOTALS.get(name) or f"SELECT count(*) FROM {COUNTED[name]}")[0][0]
    assert total(loaded, card, {}) == wanted > 0


@pytest.mark.parametrize("card", [card for card in CARDS if card.tags], ids=lambda card: card.name)
def test_a_filter_with_a_value_takes_rows_away(loaded: LoadedOrganization, card: Card) -> None:
    everything = total(loaded, card, {})
    ((project,),) = loaded.read("SELECT project_name FROM bi.revisions WHERE is_restatement AND project_name IS NOT NULL LIMIT 1")
    chosen = total(loaded, card, {"project": project})
    assert chosen != everything
    assert total(loaded, card, {"project": "no such project"}) in {None, 0}
    if len(card.tags) == 3:
        before, behind = total(loaded, card, {"to": "2026-11-19"}) or 0, total(loaded, card, {"from": "2026-11-20"}) or 0
        assert before + behind == everything
        assert total(loaded, card, {"from": "2030-01-01"}) is None


def test_every_variable_of_the_sql_is_a_tag_and_every_tag_a_variable() -> None:
    tagged = 0
    for card in CARDS:
        assert set(re.findall(r"\{\{(\w+)\}\}", card.sql)) == {tag.name for tag in card.tags}, card.name
        tagged += len(card.tags)
    assert tagged > 20


@pytest.mark.parametrize("view", MODELS)
def test_a_model_shows_every_column_of_its_view_with_the_dictionarys_words(view: str) -> None:
    (model,) = [card for card in CARDS if card.is_model and card.sql.endswith(f"FROM bi.{view}")]
    assert model.description == view_comments()[view]
    assert {one["name"]: one["description"] for one in model.metadata} == {one.name: one.description for one in columns_of(view)}
    assert re.findall(r"^    (\w+)", model.sql, re.MULTILINE) == [column.name for column in columns_of(view)]


def test_what_is_drawn_is_in_the_select_list() -> None:
    for card in CARDS:
        if card.is_model:
            continue
        question = BY_TITLE[card.name]
        shown = set(question.expressions) | set(re.findall(r"^ +[a-z]\.(\w+),?$", question.template, re.MULTILINE))
        drawn = {*card.settings.get("graph.dimensions", []), *card.settings.get("graph.metrics", [])}
        drawn |= {name.split('"')[3] for name in card.settings["column_settings"]} if "column_settings" in card.settings else set()
        assert drawn <= shown, card.name


def test_the_dashboard_shows_every_question_once_and_nothing_overlaps() -> None:
    placed = layout()
    assert [card.name for card, _ in placed] == [question.title for question in QUESTIONS]
    taken: set[tuple[int, int]] = set()
    for card, place in placed:
        cells = {
            (row, column)
            for row in range(place["row"], place["row"] + place["size_y"])
            for column in range(place["col"], place["col"] + place["size_x"])
        }
        assert max(column for _, column in cells) < 24
        assert not cells & taken, card.name
        taken |= cells


def test_the_committed_files_are_what_the_questions_make() -> None:
    assert files() == COMMITTED, "run python -m meterhouse.bi_files.metabase"


def test_the_files_refer_to_each_other_by_ids_that_exist_and_differ() -> None:
    ids = {content["entity_id"]: content for content in COMMITTED.values()}
    assert len(ids) == len(COMMITTED) == len(CARDS) + 2
    (dashboard,) = [content for content in COMMITTED.values() if "dashcards" in content]
    assert {place["card_id"] for place in dashboard["dashcards"]} == {card.entity_id for card in CARDS if not card.is_model}
    parameters = {parameter["id"] for parameter in dashboard["parameters"]}
    assert {mapping["parameter_id"] for place in dashboard["dashcards"] for mapping in place["parameter_mappings"]} == parameters
    assert dashboard["parameters"][-1]["values_source_config"]["card_id"] == projects_model().entity_id
    assert {content["collection_id"] for content in COMMITTED.values() if "collection_id" in content} <= set(ids)


def test_the_names_that_the_project_filter_offers_are_those_that_it_compares_with(loaded: LoadedOrganization) -> None:
    offered = {row[0] for row in loaded.read("SELECT project_name FROM bi.dim_project")}
    assert "project_name" in {one["name"] for one in projects_model().metadata}
    used = {row[0] for row in loaded.read("SELECT DISTINCT coalesce(project_name, project_id, '(none)') FROM bi.usage_daily")}
    assert len(used) > 1
    assert used <= offered
    assert PROJECT.kind == "text"


def test_the_guide_names_every_question_and_variable() -> None:
    guide = " ".join((Path(__file__).parents[2] / "docs" / "bi" / "metabase.md").read_text().lower().split())
    assert not [question.title for question in QUESTIONS if question.title.lower() not in guide]
    assert {variable for variable in (USER_VARIABLE, PASSWORD_VARIABLE, READER_VARIABLE) if variable.lower() in guide} == {
        USER_VARIABLE,
        PASSWORD_VARIABLE,
        READER_VARIABLE,
    }
