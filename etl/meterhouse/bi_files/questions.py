"""Questions: what people ask first of usage and costs, one SQL file each, with the holes that every tool fills in its own way.

A file of `sql/questions` begins with its title and a sentence about it. Two holes stand where a tool's filters go:
`place.days(COLUMN)` for the chosen UTC days and `place.project(NAME, ID)` for the chosen project. Endpoints that a question leaves out
are lists of the catalogue. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from meterhouse.bi_files.columns import Column, columns_of
from meterhouse.catalogue.dictionary import COLUMNS
from meterhouse.catalogue.endpoints import REPEATING_REQUESTS, WITHOUT_CALLER
from meterhouse.catalogue.meaning import Meaning
from meterhouse.warehouse.view_words import in_list

Chart = Literal["number", "bars", "areas", "line", "ranking", "table"]
Hole = Callable[[str], str]

# An expression of the select list and its name; a cast only gives the tools a size.
_SHOWN = re.compile(r"^ +(.+?)(?:::(?:varchar|numeric|bigint)(?:\([0-9, ]+\))?)? AS ([a-z_]+),?$", re.MULTILINE)
_CONDITIONS = re.compile(r"\nWHERE\s+(.+?)(?=\nGROUP BY|\nORDER BY|\Z)", re.DOTALL)
_HOLE = re.compile(r"\s*(?:AND\s+)?place\.(?:days|project)\([^)]+\)")
_ALIAS = re.compile(r"\b[a-z]\.(?=[a-z_])")
_DAYS = re.compile(r"place\.days\(([a-z_.]+)\)")
_PROJECT = re.compile(r"place\.project\(([a-z_., ]+)\)")
_LABELS = {"user_label": "User or service account"}
# Figures of the dictionary that a question computes where its view does not have them, or has them under another name.
_COMPUTED = {"cost_usd", "cached_share"}
# Columns that a question makes of others; every other one is a column of its view, with the dictionary's meaning.
DERIVED: dict[str, Meaning] = {
    "project": Meaning("Newest known name of the project, or its identifier; (none) for rows without one."),
    "api_key": Meaning("Newest known name of the API key, or its identifier; (none) for rows without one."),
    "owner": Meaning("Name of the key's owner, or its identifier; (unknown) when the directory has none."),
    "user_label": Meaning("Newest known name or address of the user, or its identifier; (none) for rows without one."),
    "tokens": Meaning("Input and output tokens together.", "tokens"),
    "restated_rows": Meaning("Rows whose figure the vendor changed or removed.", "rows"),
}


@dataclass(frozen=True)
class Question:
    """One question: its words, its SQL with holes, and how it is drawn.

    `time`, `series`, `names` (what else a row of a table says) and `measures` are columns of the result; `total` is the measure whose
    sum tests compare, None where the rows are no figures. `view` is the public view that it asks.
    """

    name: str
    view: str
    chart: Chart
    measures: tuple[str, ...]
    total: str | None
    time: str | None = None
    series: str | None = None
    names: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The question in a few words."""
        return _read(self.name)[0]

    @property
    def description(self) -> str:
        """What the figures are, in a sentence or two."""
        return _read(self.name)[1]

    @property
    def template(self) -> str:
        """The SQL with its holes."""
        return _read(self.name)[2]

    @property
    def takes_days(self) -> bool:
        """Whether the chosen days change the answer."""
        return bool(_DAYS.search(self.template))

    @property
    def takes_project(self) -> bool:
        """Whether the chosen project changes the answer."""
        return bool(_PROJECT.search(self.template))

    @property
    def expressions(self) -> dict[str, str]:
        """The select list's expressions by the name that they get, in words of the view's columns."""
        return {name: _ALIAS.sub("", expression) for expression, name in _SHOWN.findall(self.template)}

    @property
    def condition(self) -> str:
        """What the rows of the view are restricted to besides the holes, in words of the view's columns; empty for nothing."""
        found = _CONDITIONS.search(self.template)
        kept = _HOLE.sub("", found[1]).strip() if found else ""
        return _ALIAS.sub("", re.sub(r"^AND\s+", "", kept))

    @property
    def project(self) -> str | None:
        """The expression that the chosen project is compared with, in words of the view's columns; None where it changes nothing."""
        found = _PROJECT.search(self.template)
        return label(_ALIAS.sub("", found[1])) if found else None

    def sql(self, days: Hole | None = None, project: Hole | None = None) -> str:
        """Return the SQL with its holes filled in.

        `days` gets the day's column, `project` the expression of the project's label; a hole that is left out filters nothing.
        """
        chosen_days, chosen_project = days or _everything, project or _everything
        filled = _DAYS.sub(lambda hole: chosen_days(hole[1]), self.template)
        return _PROJECT.sub(lambda hole: chosen_project(label(hole[1])), filled)


QUESTIONS = (
    # The first page: this month, what drives it, what is odd, and what it will be.
    Question("month_to_date", "spend_month_to_date", "number", ("cost_usd",), "cost_usd"),
    Question("same_days_before", "spend_month_to_date", "number", ("previous_compared_cost",), "previous_compared_cost"),
    Question("expected_month", "cost_forecast", "number", ("expected_cost",), "expected_cost"),
    Question("total_cost", "costs_daily_by_project", "number", ("cost_usd",), "cost_usd"),
    Question("drivers", "cost_changes", "ranking", ("change_cost",), "change_cost", series="project"),
    Question("cost_per_day", "costs_daily_by_project", "bars", ("cost_usd",), "cost_usd", time="usage_date"),
    Question(
        "odd_days",
        "cost_anomalies",
        "table",
        (),
        None,
        names=(
            "usage_date",
            "organization",
            "series_kind",
            "series_name",
            "kind",
            "currency",
            "actual_cost",
            "expected_cost",
            "excess_cost",
            "reason",
        ),
    ),
    Question(
        "budgets",
        "budget_status",
        "table",
        (),
        None,
        names=(
            "organization",
            "budget",
            "scope_name",
            "period",
            "currency",
            "state",
            "budget_cost",
            "spent_cost",
            "used_share",
            "expected_cost",
            "passes_on_date",
        ),
    ),
    Question(
        "forecast",
        "cost_forecast",
        "table",
        (),
        None,
        names=(
            "organization",
            "series_kind",
            "series_name",
            "currency",
            "as_of_date",
            "billed_cost",
            "expected_cost",
            "low_cost",
            "high_cost",
            "previous_month_cost",
            "reason",
        ),
    ),
    Question(
        "cost_by_project_month", "spend_month_to_date", "ranking", ("cost_usd", "previous_compared_cost"), "cost_usd", series="project"
    ),
    Question("cost_by_line_item", "costs_daily_by_line_item", "ranking", ("cost_usd",), "cost_usd", series="line_item"),
    Question("tokens_by_model_per_day", "usage_daily_by_model", "bars", ("tokens",), "tokens", time="usage_date", series="model"),
    Question(
        "token_classes",
        "usage_daily_by_model",
        "areas",
        ("input_uncached_tokens", "input_cached_tokens", "input_cache_write_tokens", "output_tokens"),
        "output_tokens",
        time="usage_date",
    ),
    Question("cached_share", "usage_daily_by_model", "line", ("cached_share",), "cached_share", time="usage_date"),
    Question("requests_by_project", "usage_daily_by_model", "ranking", ("requests",), "requests", series="project"),
    Question("requests_per_hour", "usage_hourly_by_project", "bars", ("requests",), "requests", time="bucket_start_utc"),
    Question(
        "usage_by_api_key",
        "usage_by_api_key_daily",
        "table",
        ("requests", "input_tokens", "output_tokens"),
        "requests",
        names=("api_key", "owner", "owner_kind", "project"),
    ),
    Question(
        "usage_by_user",
        "usage_daily_by_user",
        "table",
        ("requests", "input_tokens", "output_tokens"),
        "requests",
        names=("user_label", "user_email"),
    ),
    Question(
        "freshness",
        "freshness",
        "table",
        (),
        None,
        names=(
            "organization",
            "endpoint",
            "bucket_width",
            "status",
            "loaded_until_utc",
            "last_loaded_at_utc",
            "provisional_bucket_count",
            "missing_bucket_count",
            "row_count",
        ),
    ),
    Question(
        "restated",
        "revisions",
        "table",
        ("restated_rows", "old_value", "new_value"),
        "restated_rows",
        names=("usage_date", "endpoint", "project", "metric", "currency"),
    ),
)


def dashboard_rows() -> list[tuple[Question, ...]]:
    """Return the questions as a dashboard shows them: numbers next to each other, tables over the whole width, the rest in pairs."""
    made: list[tuple[Question, ...]] = []
    for question in QUESTIONS:
        kind, most = _beside(question)
        if made and _beside(made[-1][0])[0] == kind and len(made[-1]) < most:
            made[-1] = (*made[-1], question)
        else:
            made.append((question,))
    return made


def _beside(question: Question) -> tuple[str, int]:
    """What a question may stand next to, and how many of them fill a row."""
    return {"number": ("number", 4), "table": ("table", 1)}.get(question.chart, ("drawn", 2))


def label(columns: str) -> str:
    """Return the expression that names something by its name, or else its identifier: the same words as `bi.dim_project`."""
    return f"coalesce({columns}, '(none)')"


def caption(column: str) -> str:
    """Return a result's column as people read it."""
    return _LABELS.get(column) or Column("", column, "", "", None, "attribute", False).caption


def meaning(question: Question, column: str) -> Meaning:
    """Return what a column of a question's result says: the dictionary's words, unless the question makes it itself.

    Raises `LookupError` for a column that neither the question's view nor `DERIVED` has.
    """
    if column in DERIVED:
        return DERIVED[column]
    if column not in {known.name for known in columns_of(question.view)} | _COMPUTED:
        raise LookupError(f"{question.name} shows {column}, which bi.{question.view} does not have")
    return COLUMNS[column]


def _everything(_: str) -> str:
    return "TRUE"


@cache
def _read(name: str) -> tuple[str, str, str]:
    text = resources.files("meterhouse.warehouse").joinpath("sql", "questions", f"{name}.sql").read_text(encoding="utf-8")
    lines = text.strip().splitlines()
    words = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    return words[0], " ".join(words[1:]), _with_lists("\n".join(line for line in lines if not line.startswith("-- ")))


def _with_lists(query: str) -> str:
    """Fill in the lists of endpoints that a question leaves out."""
    for word, names in (("repeating_requests", REPEATING_REQUESTS), ("without_caller", WITHOUT_CALLER)):
        query = query.replace(f"place.{word}()", in_list(names))
    return query
