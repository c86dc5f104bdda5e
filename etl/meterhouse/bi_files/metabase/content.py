"""What Metabase shows: models, questions and one dashboard, without what differs between its REST and its files. Pure."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from meterhouse.bi_files.columns import columns_of, view_comments
from meterhouse.bi_files.questions import QUESTIONS, Question, caption, dashboard_rows

DATABASE = "OpenAI warehouse"
COLLECTION = "OpenAI usage and cost"
COLLECTION_DESCRIPTION = "Usage and billed cost of the OpenAI organization, by meterhouse. Changes to what is shipped here are undone."
DASHBOARD = "OpenAI usage and cost"
DASHBOARD_DESCRIPTION = "What OpenAI bills and what is used, by day, project, line item, model, key and user. Days are UTC days."
# Wide views that people build their own questions on.
MODELS = ("costs_daily", "usage_daily", "usage_by_api_key_daily", "spend_by_project_month", "dim_project")
_GRID_WIDTH = 24
_DISPLAYS = {"number": "scalar", "bars": "bar", "areas": "area", "line": "line", "ranking": "row", "table": "table"}
_TYPES = {
    "date": "type/Date", "timestamp without time zone": "type/DateTime", "timestamp with time zone": "type/DateTimeWithLocalTZ",
    "bigint": "type/BigInteger", "integer": "type/Integer", "numeric": "type/Decimal", "double precision": "type/Float",
    "boolean": "type/Boolean", "varchar": "type/Text",
}  # fmt: skip


@dataclass(frozen=True)
class Tag:
    """A filter of the dashboard, and the variable of the same name in the questions' SQL."""

    name: str
    caption: str
    kind: str
    widget: str

    @property
    def identifier(self) -> str:
        """The filter's id, the same in every installation."""
        return str(uuid5(NAMESPACE_URL, f"meterhouse/metabase/filter/{self.name}"))


FROM, TO, PROJECT = (
    Tag("from", "From", "date", "date/single"),
    Tag("to", "To", "date", "date/single"),
    Tag("project", "Project", "text", "string/="),
)
TAGS = (FROM, TO, PROJECT)


@dataclass(frozen=True)
class Card:
    """One saved model or question, without what differs between the REST and the files."""

    name: str
    description: str
    sql: str
    display: str
    settings: dict[str, Any]
    tags: tuple[Tag, ...] = ()
    is_model: bool = False
    metadata: tuple[dict[str, Any], ...] = ()

    @property
    def entity_id(self) -> str:
        """The card's portable id."""
        return entity_id("card", self.name)


def entity_id(kind: str, name: str) -> str:
    """Return the 21 characters that name an entity in every installation."""
    return base64.urlsafe_b64encode(hashlib.sha256(f"meterhouse/{kind}/{name}".encode()).digest()).decode()[:21]


def cards() -> list[Card]:
    """Return the models, then the questions."""
    return [*(_model(view) for view in MODELS), *(_question(question) for question in QUESTIONS)]


def _model(view: str) -> Card:
    columns = columns_of(view)
    described = tuple(
        {"name": column.name, "display_name": column.caption, "description": column.description, "base_type": _TYPES[column.base_type]}
        for column in columns
    )
    names = ",\n    ".join(column.name for column in columns)
    return Card(
        f"{view.replace('_', ' ').capitalize()} (model)",
        view_comments()[view],
        f"SELECT\n    {names}\nFROM bi.{view}",
        "table",
        {},
        is_model=True,
        metadata=described,
    )


def _question(question: Question) -> Card:
    tags = ((FROM, TO) if question.takes_days else ()) + ((PROJECT,) if question.takes_project else ())
    return Card(question.title, question.description, tagged_sql(question), _DISPLAYS[question.chart], _settings(question), tags)


def tagged_sql(question: Question) -> str:
    """Return the question's SQL with Metabase's optional clauses: one that has no value is left out."""
    return question.sql(
        days=lambda day: f"TRUE [[AND {day} >= {{{{from}}}}]] [[AND {day} <= {{{{to}}}}]]",
        project=lambda name: f"TRUE [[AND {name} = {{{{project}}}}]]",
    )


def _settings(question: Question) -> dict[str, Any]:
    columns = [column for column in (question.time, question.series, *question.measures) if column]
    named: dict[str, Any] = {f'["name","{column}"]': {"column_title": caption(column)} for column in columns}
    for column in question.measures:
        if column == "cost_usd":
            named[f'["name","{column}"]'] |= {"number_style": "currency", "currency": "USD", "currency_in_header": False}
        elif column.endswith("_share"):
            named[f'["name","{column}"]'] |= {"number_style": "percent"}
    settings: dict[str, Any] = {"column_settings": named} if named else {}
    if question.chart == "number":
        settings["scalar.field"] = question.measures[0]
    elif question.chart != "table":
        settings["graph.dimensions"] = [column for column in (question.time, question.series) if column]
        settings["graph.metrics"] = list(question.measures)
        if question.chart == "areas" or (question.time and question.series):
            settings["stackable.stack_type"] = "stacked"
    return settings


def layout() -> list[tuple[Card, dict[str, int]]]:
    """Return each question's place on the dashboard's grid of 24 columns."""
    placed: list[tuple[Card, dict[str, int]]] = []
    top = 0
    for row in dashboard_rows():
        width, height = _GRID_WIDTH // len(row), {"number": 3, "table": 8}.get(row[0].chart, 7)
        for index, question in enumerate(row):
            placed.append((_question(question), {"row": top, "col": index * width, "size_x": width, "size_y": height}))
        top += height
    return placed


def parameters(projects_card: int | str) -> list[dict[str, Any]]:
    """Return the dashboard's filters; the project is chosen from the list that the model of projects gives."""
    parameters: list[dict[str, Any]] = [
        {"id": tag.identifier, "name": tag.caption, "slug": tag.name, "type": tag.widget, "sectionId": tag.widget.partition("/")[0]}
        for tag in TAGS
    ]
    parameters[-1] |= {
        "isMultiSelect": False,
        "values_query_type": "list",
        "values_source_type": "card",
        "values_source_config": {"card_id": projects_card, "value_field": ["field", "project_name", {"base-type": "type/Text"}]},
    }
    return parameters


def template_tags(card: Card) -> list[dict[str, Any]]:
    """Return the variables of a card's SQL."""
    return [
        {
            "type": tag.kind,
            "name": tag.name,
            "id": str(uuid5(NAMESPACE_URL, f"meterhouse/metabase/{card.name}/{tag.name}")),
            "display-name": tag.caption,
        }
        for tag in card.tags
    ]


def mappings(card: Card, number: int | str) -> list[dict[str, Any]]:
    """Return which filter of the dashboard fills which variable of a card on it."""
    return [{"parameter_id": tag.identifier, "card_id": number, "target": ["variable", ["template-tag", tag.name]]} for tag in card.tags]


def projects_model() -> Card:
    """Return the model whose names the project filter offers."""
    return _model("dim_project")
