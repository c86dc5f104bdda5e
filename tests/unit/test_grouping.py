"""Grouping: an answer that ignored the request is distinguished from one that has nothing to report, by what is stored."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from meterhouse.catalogue.endpoints import API_KEY, MODEL, PROJECT
from meterhouse.load.grouping import Answered, Named

DAY = datetime(2026, 11, 1, tzinfo=UTC)
THREE = (PROJECT, API_KEY, MODEL)
NOTHING = Named(0, (0, 0, 0), 0)
# Ten rows: all with a project, nine with a key, five with a model.
STORED = Named(10, (10, 9, 5), 0)


def ignored(keys, stored=NOTHING, known=NOTHING, dimensions=THREE):
    answered = Answered(dimensions)
    answered.add([(DAY, dict.fromkeys(keys, ()))])
    return [dimension.name for dimension in answered.ignored(stored, known)]


def test_an_answer_without_any_value_where_values_are_stored_ignored_what_was_stored() -> None:
    assert ignored([(None, None, None)], STORED) == ["project_id", "api_key_id", "model"]
    assert ignored([(None, None, None)], Named(10, (0, 1, 0), 9)) == ["api_key_id"]


def test_what_follows_a_key_does_not_count_as_a_value() -> None:
    assert ignored([(None, None, None, "usd")], STORED) == ["project_id", "api_key_id", "model"]


def test_a_flag_that_is_false_is_a_value() -> None:
    assert ignored([(None, None, False)], Named(10, (1, 1, 10), 0)) == []


def test_a_single_dimension_was_ignored_when_every_stored_row_has_it() -> None:
    assert ignored([(None, "k", "m"), (None, "k", None)], STORED) == ["project_id"]
    assert ignored([("p", None, "m"), ("p", None, None)], STORED) == []
    assert ignored([("p", "k", None), ("q", "k", None)], STORED) == []


@pytest.mark.parametrize(("answer", "stored"), [(1, 10), (2, 1), (1, 1)])
def test_a_single_row_of_either_side_proves_nothing_about_a_single_dimension(answer, stored) -> None:
    assert ignored([(None, "k", str(number)) for number in range(answer)], Named(stored, (stored, 0, 0), 0)) == []


@pytest.mark.parametrize("stored", [NOTHING, Named(10, (0, 0, 0), 10)])
def test_a_stream_that_never_had_a_dimension_may_go_without(stored) -> None:
    assert ignored([(None, None, None), (None, None, None, "usd")], stored) == []


def test_an_empty_answer_and_one_that_was_asked_for_no_grouping_ignored_nothing() -> None:
    assert ignored([], STORED) == []
    assert ignored([()], Named(10, (), 10), dimensions=()) == []


def test_days_that_are_not_stored_yet_are_judged_by_days_around() -> None:
    unnamed = [(None, None, None)]
    assert ignored(unnamed, known=Named(7, (7, 6, 0), 0)) == ["project_id", "api_key_id"]
    assert ignored(unnamed, known=Named(7, (6, 6, 6), 1)) == [], "the stream has had such rows"
    assert ignored([(None, None, "m"), (None, None, "n")], known=Named(7, (7, 7, 7), 0)) == []
    assert ignored([(None,)], Named(0, (0,), 0), Named(7, (7,), 0), dimensions=(PROJECT,)) == []
