"""The plan of a backfill: few tasks, readable names, and the whole range exactly once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhouse.catalogue.endpoints import COPIES_OF_COSTS, COSTS, DAY, ENDPOINTS, WIDTHS
from meterhouse.errors import FixConfiguration
from meterhouse.load.backfill_plan import calls, chosen, in_words, pieces, reach
from meterhouse.windows import Window

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
MINUTE, HOUR = WIDTHS["1m"], WIDTHS["1h"]


def window(first: str, last: str) -> Window:
    """The days `first` to `last`, both included."""
    start, end = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, last))
    return Window(start, end + timedelta(days=1))


def test_a_year_of_days_over_all_endpoints_is_one_task_an_endpoint():
    year = window("2025-11-22", "2026-11-21")
    planned = pieces(year, chosen(ENDPOINTS, DAY), DAY)
    assert len(planned) == len(ENDPOINTS)
    in_two_parts = {endpoint.name for endpoint in (COSTS, *COPIES_OF_COSTS)}  # by key and by user only since a day of this year
    assert {calls(piece, DAY) for piece in planned if piece.endpoint not in in_two_parts} == {12}
    assert {calls(piece, DAY) for piece in planned if piece.endpoint in in_two_parts} == {13}


def test_a_year_of_hours_is_a_handful_of_tasks_an_endpoint_and_costs_have_none():
    planned = pieces(window("2025-12-01", "2026-11-30"), chosen(ENDPOINTS, HOUR), HOUR)
    names = [piece.name for piece in planned if piece.endpoint == "completions"]
    assert names == [
        "completions 2025-12",
        "completions 2026-01 to 2026-03",
        "completions 2026-04 to 2026-06",
        "completions 2026-07 to 2026-09",
        "completions 2026-10 to 2026-11",
    ]
    assert not {COSTS.name, *(copy.name for copy in COPIES_OF_COSTS)} & {piece.endpoint for piece in planned}


def test_a_month_of_minutes_is_one_task_with_the_months_name():
    assert [piece.name for piece in pieces(window("2026-03-01", "2026-03-31"), chosen(["completions"], MINUTE), MINUTE)] == [
        "completions 2026-03"
    ]


@given(st.integers(0, 800), st.integers(1, 800), st.sampled_from([DAY, HOUR, MINUTE]))
def test_the_pieces_of_an_endpoint_cover_the_range_without_gap_or_overlap(offset: int, days: int, width):
    start = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=offset)
    whole = Window(start, start + timedelta(days=days))
    mine = [piece.window for piece in pieces(whole, chosen(["images"], width), width)]
    assert (mine[0].start, mine[-1].end) == (whole.start, whole.end)
    assert all(one.end == following.start for one, following in pairwise(mine))
    assert all(not piece.is_empty for piece in mine)


def test_costs_cannot_be_asked_for_in_hours_and_a_wrong_name_lists_the_right_ones():
    with pytest.raises(FixConfiguration, match="none of costs has buckets of width 1h: choose 1d"):
        chosen(["costs"], HOUR)
    with pytest.raises(FixConfiguration, match=r"unknown endpoint 'imagse': choose from completions"):
        chosen(["imagse"], DAY)
    with pytest.raises(FixConfiguration, match="none of no endpoints"):
        chosen([], DAY)


def test_the_vendors_own_word_about_its_history_goes_before_the_usual_year():
    assert reach(None, NOW) == datetime(2025, 11, 21, tzinfo=UTC)
    assert reach("begins 2025-06-01: start_time must be after", NOW) == datetime(2025, 6, 1, tzinfo=UTC)
    assert reach("something else", NOW) == datetime(2025, 11, 21, tzinfo=UTC)


def test_the_plan_in_words_names_windows_calls_what_is_held_and_what_is_out_of_reach():
    planned = pieces(window("2025-11-01", "2026-01-31"), chosen(["images"], DAY), DAY)
    lines = in_words(planned, DAY, NOW, {("acme", "images"): None}, {("acme", "images"): {"loaded": 70, "missing": 22}})
    assert lines == [
        "images 2025-11 to 2026-01: 2025-11-01 to 2026-01-31 in 1d buckets, at least 3 calls per organization",
        "acme/images/1d: buckets in the warehouse: 70 loaded, 22 missing",
        "acme/images: the days 2025-11-01 to 2025-11-20 are further back than the vendor reports;"
        " what the warehouse has for them stays as it is",
        "in all: 1 task, at least 3 calls per organization",
    ]
