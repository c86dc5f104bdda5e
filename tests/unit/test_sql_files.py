"""Every SQL file parses as PostgreSQL as it is; what the catalogue fills in is a call of schema `place`, in views a word in braces."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from meterhouse.warehouse.views import views

ROOT = Path(__file__).resolve().parents[2]
SQL = ROOT / "etl" / "meterhouse" / "warehouse" / "sql"
FILES = sorted([*SQL.rglob("*.sql"), *(ROOT / "migrations" / "sql").glob("*.sql")])
# Their words in braces stand for select lists and columns with names, which no expression can be.
WITH_BRACES = {"views", "internal"}


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """DO blocks and grants are taken as whole commands, which is said for each."""
    caplog.set_level(logging.ERROR, "sqlglot")


def parsed(text: str) -> list[exp.Expression]:
    return [one for one in sqlglot.parse(text, read="postgres") if one is not None]


def without_order(statements: list[exp.Expression]) -> Iterator[exp.Insert]:
    """The inserts that name no columns, so that a new column would shift what goes where."""
    for statement in statements:
        yield from (one for one in statement.find_all(exp.Insert) if not isinstance(one.this, exp.Schema))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_file_parses_and_names_the_columns_of_what_it_inserts(path: Path) -> None:
    text = path.read_text()
    if path.parent.name not in WITH_BRACES:
        outside = re.sub(r"'[^']*'", "", re.sub(r"--.*", "", text))
        assert not re.search(r"\{\w", outside), "only views have words in braces"
    assert parsed(text)
    assert not list(without_order(parsed(text)))


@pytest.mark.parametrize("view", views(), ids=lambda view: view.qualified)
def test_a_view_is_one_query_once_its_words_are_filled_in(view) -> None:
    (query,) = parsed(view.query)
    assert isinstance(query, exp.Query)
    assert "place." not in view.query
    # A literal in a select list would have come from a word in braces that nothing filled in.
    assert not list(query.find_all(exp.Struct))


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("SELECT a b c FROM t", "Expecting|Expected|Invalid"),
        ("SELECT (a FROM t", "Expecting"),
        ("SELECT a FROM WHERE b", "Expected|Expecting"),
    ],
)
def test_a_file_with_a_slip_does_not_parse(broken: str, why: str) -> None:
    with pytest.raises(sqlglot.ParseError, match=why):
        parsed(broken)


def test_an_insert_without_columns_is_found() -> None:
    assert list(without_order(parsed("INSERT INTO ops.t VALUES (1, 2)")))
    assert not list(without_order(parsed("INSERT INTO ops.t (a, b) VALUES (1, 2)")))
