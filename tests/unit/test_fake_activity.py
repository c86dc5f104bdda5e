"""The stand-in's figures: the same every time, the same at every width, growing with the clock, changed only by restatement."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhouse.catalogue.endpoints import ENDPOINTS, TOKEN_METRICS, WIDTHS
from meterhouse.fake_openai import FakeOrganization, lineup
from meterhouse.fake_openai.answers import Request
from meterhouse.fake_openai.lineup import Model
from meterhouse.fake_openai.lots import DAY_MINUTES, EPOCH_DAY, used_between, visible_between
from meterhouse.fake_openai.served import SERVED
from meterhouse.vendors.openai.wire import path_of

NOW = datetime(2026, 11, 20, 10, 7, 33, tzinfo=UTC)
TODAY = NOW.date()
USAGE = [endpoint for endpoint in SERVED.values() if not endpoint.is_costs]
FLOWS = [endpoint.name for endpoint in USAGE if endpoint.metrics[0].additive]
UNUSED = "nobody in the invented organization uses it: add who does in fake_openai/workloads.py"


@pytest.fixture(scope="module")
def organization() -> FakeOrganization:
    return FakeOrganization(NOW)


def epoch(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def buckets(organization: FakeOrganization, name: str, **parameters: Any) -> list[dict[str, Any]]:
    """All buckets of a whole chain of pages."""
    found: list[dict[str, Any]] = []
    page: dict[str, str] = {}
    while True:
        query = urlencode({**parameters, **page}, doseq=True)
        answer = organization.answer(Request("GET", path_of(ENDPOINTS[name]), query))
        body = msgspec.json.decode(answer.body)
        assert answer.status == 200, body
        found += body["data"]
        if not body["has_more"]:
            return found
        page = {"page": body["next_page"]}


def totals(rows: Iterable[dict[str, Any]], name: str) -> dict[tuple[Any, ...], dict[str, int]]:
    """Rows summed by all their dimensions."""
    endpoint = ENDPOINTS[name]
    found: dict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        group = found[tuple(row[dimension.name] for dimension in endpoint.dimensions)]
        for metric in endpoint.metrics:
            if row.get(metric.name) is not None:
                group[metric.name] += row[metric.name]
    return {key: dict(group) for key, group in found.items()}


def rows_of(organization: FakeOrganization, name: str, width: str, start: date, end: date) -> list[dict[str, Any]]:
    group_by = [dimension.name for dimension in ENDPOINTS[name].dimensions]
    window = {"start_time": epoch(start), "end_time": epoch(end), "bucket_width": width, "limit": WIDTHS[width].max_buckets}
    return [row for bucket in buckets(organization, name, **window, group_by=group_by) for row in bucket["results"]]


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("days_ago", [30, 0], ids=["settled day", "today"])
def test_a_day_is_the_sum_of_its_hours_and_of_its_minutes(organization: FakeOrganization, name: str, days_ago: int) -> None:
    day = TODAY - timedelta(days=days_ago)
    by_width = {width: totals(rows_of(organization, name, width, day, day + timedelta(days=1)), name) for width in WIDTHS}
    assert by_width["1d"] or days_ago == 0, UNUSED
    assert by_width["1d"] == by_width["1h"] == by_width["1m"]


@pytest.mark.parametrize("name", FLOWS)
def test_hours_still_add_up_after_two_restatements(name: str) -> None:
    organization = FakeOrganization(NOW)
    organization.restate(1)
    organization.restate(2)
    for days_ago in range(1, 5):
        day = TODAY - timedelta(days=days_ago)
        by_width = [totals(rows_of(organization, name, width, day, day + timedelta(days=1)), name) for width in ("1d", "1h")]
        assert by_width[0] == by_width[1]


@pytest.mark.parametrize("name", [endpoint.name for endpoint in USAGE])
def test_served_days_equal_the_truth_for_any_grouping(organization: FakeOrganization, name: str) -> None:
    start = TODAY - timedelta(days=5)
    dimensions = [dimension.name for dimension in ENDPOINTS[name].dimensions]
    for group_by in (dimensions, dimensions[:1], []):
        served: dict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for bucket in buckets(organization, name, start_time=epoch(start), group_by=group_by):
            day = datetime.fromtimestamp(bucket["start_time"], UTC).date()
            for row in bucket["results"]:
                group = served[(day, *[row[dimension] for dimension in group_by])]
                for metric in ENDPOINTS[name].metrics:
                    if row.get(metric.name) is not None:
                        group[metric.name] += row[metric.name]
        truth = organization.truth(name, start, TODAY + timedelta(days=1), group_by)
        assert truth, UNUSED
        assert {key: dict(group) for key, group in served.items()} == truth


def test_a_level_is_the_last_one_of_its_bucket_at_every_width(organization: FakeOrganization) -> None:
    day = TODAY - timedelta(days=3)
    by_width = {width: rows_of(organization, "vector_stores", width, day, day + timedelta(days=1)) for width in WIDTHS}
    stores = len(by_width["1d"])
    assert stores > 1
    assert len(by_width["1h"]) == 24 * stores
    assert by_width["1d"] == by_width["1h"][-stores:] == by_width["1m"][-stores:]
    assert by_width["1h"][:stores] != by_width["1h"][-stores:]


def test_token_classes_add_up_in_every_row(organization: FakeOrganization) -> None:
    rows = rows_of(organization, "completions", "1h", TODAY - timedelta(days=1), TODAY)
    assert len(rows) > 500
    for row in rows:
        written = row["input_cache_write_30m_tokens"] + row["input_cache_write_12h_tokens"]
        parts = ("text", "audio", "image")
        assert row["input_cache_write_tokens"] == written
        assert row["input_uncached_tokens"] == sum(row[f"input_{part}_tokens"] for part in parts)
        assert row["input_cached_tokens"] == sum(row[f"input_cached_{part}_tokens"] for part in parts)
        assert row["output_tokens"] == sum(row[f"output_{part}_tokens"] for part in parts)
        assert row["input_tokens"] == row["input_cached_tokens"] + written + row["input_uncached_tokens"]
        assert min(row[metric.name] for metric in TOKEN_METRICS) >= 0
    assert {bool(sum(row[f"{kind}_tokens"] for row in rows)) for kind in ("output_audio", "output_image", "input_cached")} == {True}


def test_retention_fields_are_absent_then_null_then_numbers(organization: FakeOrganization) -> None:
    def field_of(day: date) -> set[Any]:
        rows = rows_of(organization, "completions", "1d", day, day + timedelta(days=1))
        return {type(row.get("input_cache_write_30m_tokens", "absent")) for row in rows}

    assert field_of(date(2026, 3, 10)) == {str}
    assert field_of(date(2026, 8, 10)) == {type(None)}
    assert field_of(date(2026, 11, 10)) == {int}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not() -> None:
    query = urlencode({"start_time": epoch(TODAY) - 86400 * 20, "limit": 20, "group_by": ["model", "project_id"]}, doseq=True)
    request = Request("GET", path_of(ENDPOINTS["completions"]), query)
    first, second = (FakeOrganization(NOW).answer(request).body for _ in range(2))
    assert first == second
    assert FakeOrganization(NOW, seed=8).answer(request).body != first


def test_a_past_day_does_not_depend_on_when_one_asks(organization: FakeOrganization) -> None:
    day = TODAY - timedelta(days=40)
    earlier = FakeOrganization(NOW - timedelta(days=30))
    for name in SERVED:
        dimensions = [dimension.name for dimension in ENDPOINTS[name].dimensions]
        window = (day, day + timedelta(days=1), dimensions)
        assert earlier.truth(name, *window) == organization.truth(name, *window)
        assert organization.truth(name, *window), f"{name}: {UNUSED}"


def test_the_default_size_is_a_few_hundred_completion_rows_per_day(organization: FakeOrganization) -> None:
    start = TODAY - timedelta(days=14)
    days = buckets(organization, "completions", start_time=epoch(start), limit=14, group_by=_all_dimensions("completions"))
    weekdays = [len(day["results"]) for day in days if datetime.fromtimestamp(day["start_time"], UTC).weekday() < 5]
    assert 250 <= min(weekdays) <= max(weekdays) <= 450
    weekends = [len(day["results"]) for day in days if datetime.fromtimestamp(day["start_time"], UTC).weekday() >= 5]
    assert max(weekends) < min(weekdays)


def test_scale_multiplies_rows_and_people() -> None:
    small, large = FakeOrganization(NOW), FakeOrganization(NOW, scale=3)
    window = (TODAY - timedelta(days=2), TODAY - timedelta(days=1), _all_dimensions("completions"))
    assert 2 < len(large.truth("completions", *window)) / len(small.truth("completions", *window)) < 4
    assert (len(large.roster.users), len(large.roster.api_keys)) == (180, 270)


def test_there_are_all_kinds_of_callers(organization: FakeOrganization) -> None:
    rows = rows_of(organization, "completions", "1d", TODAY - timedelta(days=1), TODAY)
    assert {row["api_source"] for row in rows} == {"unlabeled", "agents_api"}
    assert {row["service_tier"] for row in rows} == {"default", "flex", "priority", "incentivized-tier"}
    assert {row["batch"] for row in rows} == {True, False}
    assert any(row["user_id"] is None for row in rows)
    assert any(row["api_key_id"] is None for row in rows)


def test_every_model_of_the_lineup_is_used(organization: FakeOrganization) -> None:
    used = {stream.dimensions["model"] for streams in organization.streams.values() for stream in streams if "model" in stream.dimensions}
    slots = [value if isinstance(value, tuple) else (value,) for value in vars(lineup).values()]
    models = {model.name for slot in slots for model in slot if isinstance(model, Model)}
    assert used == models, f"say in fake_openai/workloads.py who uses {sorted(models - used)}: they are in fake_openai/lineup.py"
    assert len(models) >= 14


def test_some_combinations_come_in_two_rows(organization: FakeOrganization) -> None:
    rows = rows_of(organization, "completions", "1d", TODAY - timedelta(days=1), TODAY)
    doubled = len(rows) - len(totals(rows, "completions"))
    assert 0 < doubled < len(rows) * 0.1


def _all_dimensions(name: str) -> list[str]:
    return [dimension.name for dimension in ENDPOINTS[name].dimensions]


@given(st.data())
def test_any_stretch_of_a_day_is_the_sum_of_its_pieces(organization: FakeOrganization, data: st.DataObject) -> None:
    day = TODAY.toordinal() - 9
    lot = data.draw(st.sampled_from(organization.activity.lots("completions", day)))
    cuts = sorted({0, DAY_MINUTES, *data.draw(st.lists(st.integers(0, DAY_MINUTES), max_size=30))})
    pieces = [piece for first, last in itertools.pairwise(cuts) if (piece := used_between(lot, first, last))]
    assert tuple(map(sum, zip(*pieces, strict=True))) == lot.leaves
    assert all(min(piece) >= 0 for piece in pieces)


@given(st.data())
def test_what_shows_only_grows_with_the_clock(organization: FakeOrganization, data: st.DataObject) -> None:
    day = TODAY.toordinal() - 9
    lot = data.draw(st.sampled_from(organization.activity.lots("completions", day)))
    first, last = sorted(data.draw(st.tuples(st.integers(0, DAY_MINUTES), st.integers(0, DAY_MINUTES))))
    midnight = (day - EPOCH_DAY) * DAY_MINUTES
    clocks = sorted(data.draw(st.lists(st.integers(0, DAY_MINUTES + 90), min_size=2, max_size=2)))
    before, after = (visible_between(lot, day, first, last, midnight + clock) for clock in clocks)
    whole = used_between(lot, first, last)
    if before is not None:
        assert after is not None
        assert whole is not None
        assert all(map(int.__le__, before, after))
        assert all(map(int.__le__, after, whole))
    assert visible_between(lot, day, first, last, midnight + last + 60) == whole


def test_the_last_hour_is_partly_late(organization: FakeOrganization) -> None:
    late = FakeOrganization(NOW)
    yesterday = TODAY - timedelta(days=1)
    late.clock.set(datetime(TODAY.year, TODAY.month, TODAY.day, 0, 10, tzinfo=UTC))
    seen, final = (stand_in.truth("completions", yesterday, TODAY, ["api_key_id"]) for stand_in in (late, organization))
    requests_seen, requests_final = (sum(int(row["num_model_requests"]) for row in rows.values()) for rows in (seen, final))
    assert 0.9 < requests_seen / requests_final < 1
    late.clock.advance(60 * 60)
    assert late.truth("completions", yesterday, TODAY, ["api_key_id"]) == final


def test_a_round_changes_removes_adds_and_empties_and_leaves_older_days_alone() -> None:
    organization = FakeOrganization(NOW)
    window = (TODAY - timedelta(days=6), TODAY, _all_dimensions("completions"))
    before = organization.truth("completions", *window)
    emptied_endpoint, emptied_day = organization.restate(1).emptied()
    after = organization.truth("completions", *window)
    touched = {TODAY - timedelta(days=days) for days in (1, 2, 3)}
    assert {key[0] for key in before.keys() - after.keys()} == touched
    assert {key[0] for key in after.keys() - before.keys()} == touched
    assert {key[0] for key in before.keys() & after.keys() if before[key] != after[key]} == touched
    day = date.fromordinal(emptied_day)
    for width in ("1d", "1h"):
        assert rows_of(organization, emptied_endpoint, width, day, day + timedelta(days=1)) == []
    assert FakeOrganization(NOW).truth(emptied_endpoint, day, day + timedelta(days=1)) != {}


def test_rounds_accumulate_and_repeat() -> None:
    first, second = FakeOrganization(NOW), FakeOrganization(NOW)
    window = (TODAY - timedelta(days=12), TODAY, ["project_id"])
    seen = [first.truth("costs", *window)]
    for number in (1, 2, 3):
        first.restate(number)
        second.restate(number)
        seen.append(first.truth("costs", *window))
        assert seen[-1] == second.truth("costs", *window)
    assert all(earlier != later for earlier, later in itertools.pairwise(seen))


def test_costs_are_corrected_further_back_than_usage() -> None:
    organization = FakeOrganization(NOW)
    window = (TODAY - timedelta(days=20), TODAY, ["line_item"])
    before = organization.truth("costs", *window)
    organization.restate(4)
    after = organization.truth("costs", *window)
    changed = {(TODAY - key[0]).days for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert changed == set(range(1, 11))
