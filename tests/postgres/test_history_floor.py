"""The history floor: a vendor that refuses an old start without saying what it still has is asked until the very first bucket is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from math import log2
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import DAY, HOUR, BucketWidth
from meterhouse.errors import FixConfiguration
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.fake_openai.answers import Answer, Request
from meterhouse.load.history_floor import first_accepted
from meterhouse.windows import Window, to_epoch

from .comparison import assert_equals_source
from .fingerprints import places
from .loaded_organization import NOW, LoadedOrganization, midnight

TOMORROW = NOW.date() + timedelta(days=1)
REFUSAL = {"code": "reporting_lookback_exceeded", "param": "start_time", "type": "invalid_request_error"}
Serve = Callable[..., LoadedOrganization]


class Silent:
    """An organization that refuses starts before `floor` and names no date, or always the start that was asked for."""

    def __init__(self, fake: FakeOrganization, floor: datetime, *, names_the_start: bool = False) -> None:
        self.fake = fake
        self.floor = floor
        self.names_the_start = names_the_start

    def answer(self, request: Request) -> Answer:
        start = next(int(part.removeprefix("start_time=")) for part in request.query.split("&") if part.startswith("start_time="))
        if start >= to_epoch(self.floor):
            return self.fake.answer(request)
        named = f" {start}" if self.names_the_start else ""
        return Answer(400, msgspec.json.encode({"error": {"message": f"start_time{named} is beyond the reporting lookback", **REFUSAL}}))


@pytest.fixture
def serve(warehouse: Warehouse) -> Iterator[Serve]:
    """Serves an organization with a floor that it does not name."""
    with ExitStack() as opened:

        def make(floor: datetime, **options: Any) -> LoadedOrganization:
            fake = FakeOrganization(NOW, scale=0.2, history_days=None)
            return LoadedOrganization(fake, opened.enter_context(FakeServer(Silent(fake, floor, **options))), warehouse)

        yield make


def days_covered(loaded: LoadedOrganization, width: BucketWidth = DAY) -> list[tuple[Any, ...]]:
    """First bucket, number of buckets, and whether the stream has a gap."""
    return loaded.query(
        "SELECT min(bucket_start), count(*)::int, max(bucket_start) - min(bucket_start) <> (count(*) - 1) * make_interval(mins => %s)"
        " FROM ops.coverage WHERE bucket_width = %s",
        [width.minutes, width.minutes],
    )


@pytest.mark.parametrize("names_the_start", [False, True])
@pytest.mark.parametrize("days", [0, 1, 2, 3, 40, 41, 63, 64, 99])
def test_every_day_that_the_vendor_still_has_is_loaded(serve: Serve, days: int, names_the_start: bool) -> None:
    floor = midnight(NOW.date() - timedelta(days=days))
    loaded = serve(floor, names_the_start=names_the_start)
    loaded.defaults["history_start"] = midnight(NOW.date() - timedelta(days=100))
    loaded.sync(["costs"]).raise_first()
    assert days_covered(loaded) == [(floor, days + 1, False)]
    assert_equals_source(loaded, floor.date(), TOMORROW, ["costs"])
    windows = loaded.query("SELECT count(*) FROM ops.load_log")[0][0]
    assert len(loaded.server.requests) <= 1 + 2 * log2(100) + 2 + windows
    assert loaded.query("SELECT detail FROM ops.capabilities WHERE capability = 'history'")[0][0].startswith(f"begins {floor:%Y-%m-%d}: ")
    # The oldest day was loaded first, so a run that is stopped goes on where it was.
    begun = loaded.query("SELECT window_start FROM ops.load_log ORDER BY load_id")
    assert begun == sorted(begun)
    loaded.advance(hours=1)
    loaded.sync(["costs"]).raise_first()
    assert days_covered(loaded) == [(floor, days + 1, False)]


def test_hours_are_found_to_the_hour(serve: Serve) -> None:
    floor = NOW.replace(minute=0) - timedelta(days=3, hours=5)
    loaded = serve(floor)
    loaded.backfill(NOW.date() - timedelta(days=9), TOMORROW, ["images"], width=HOUR).raise_first()
    assert days_covered(loaded, HOUR) == [(floor, 3 * 24 + 5 + 1, False)]


def test_a_vendor_that_has_nothing_of_the_range_is_asked_a_few_times_and_nothing_is_written(serve: Serve) -> None:
    loaded = serve(datetime(2027, 1, 1, tzinfo=UTC))
    (summary,) = loaded.backfill(NOW.date() - timedelta(days=300), NOW.date(), ["images"]).summaries
    assert summary.windows == 0
    assert len(loaded.server.requests) <= 1 + 2 * log2(300) + 2
    assert days_covered(loaded)[0][1] == 0
    assert places(loaded.warehouse.superuser_url, ["warehouse.usage_images", "ops.load_log"]) == set()


@pytest.mark.parametrize("names_the_start", [False, True])
def test_a_range_that_lies_wholly_beyond_the_reach_changes_nothing_that_is_known_of_it(serve: Serve, names_the_start: bool) -> None:
    floor = midnight(NOW.date() - timedelta(days=40))
    loaded = serve(floor, names_the_start=names_the_start)
    loaded.defaults["history_start"] = midnight(NOW.date() - timedelta(days=60))
    loaded.sync(["images"]).raise_first()
    loaded.backfill(NOW.date() - timedelta(days=300), NOW.date() - timedelta(days=290), ["images"]).raise_first()
    ((detail,),) = loaded.query("SELECT detail FROM ops.capabilities WHERE capability = 'history' AND endpoint = 'images'")
    assert detail.startswith(f"begins {floor:%Y-%m-%d}: ")


def test_a_floor_that_moves_on_while_it_is_looked_for_is_found_again(serve: Serve) -> None:
    loaded = serve(midnight(NOW.date() - timedelta(days=40)))
    application: Any = loaded.server.application
    # Doubling from the refused start, then halving between 69 refused and 37 accepted.
    found_at = [100, 99, 97, 93, 85, 69, 37, 53, 45, 41, 39, 40]
    asked = 0
    answer = application.answer

    def moving(request: Request) -> Answer:
        nonlocal asked
        asked += 1
        # Midnight passes just before the load itself begins.
        if asked == len(found_at) + 1:
            application.floor += timedelta(days=1)
        return answer(request)

    application.answer = moving
    loaded.backfill(NOW.date() - timedelta(days=100), TOMORROW, ["costs"]).raise_first()
    begins = [(NOW.date() - start.date()).days for _, start, _ in loaded.windows_asked()]
    assert begins[: len(found_at)] == found_at
    assert days_covered(loaded) == [(midnight(NOW.date() - timedelta(days=39)), 40, False)]


def test_a_backfill_that_stopped_behind_the_floor_does_not_load_a_window_twice(serve: Serve) -> None:
    floor = midnight(NOW.date() - timedelta(days=80))
    loaded = serve(floor)
    first, end = NOW.date() - timedelta(days=120), NOW.date()

    def stop(step: Any) -> None:
        if step.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loaded.backfill(first, end, ["images"], report=stop)
    loaded.backfill(first, end, ["images"]).raise_first()
    windows = loaded.query("SELECT window_start, window_end FROM ops.load_log ORDER BY 1")
    assert len(windows) == len(set(windows))
    assert days_covered(loaded) == [(floor, 80, False)]
    assert_equals_source(loaded, floor.date(), end, ["images"])


def test_a_search_that_meets_another_refusal_leaves_it_to_the_load(serve: Serve) -> None:
    loaded = serve(midnight(NOW.date() - timedelta(days=5)))
    body = {"error": {"message": "limit is wrong", "param": "limit", "type": "invalid_request_error"}}
    beyond = {"error": {"message": "beyond the reporting lookback", **REFUSAL}}
    loaded.server.fail_next(1, status=400, body=beyond)
    loaded.server.fail_next(2, status=400, body=body)
    with pytest.raises(FixConfiguration, match="limit is wrong"):
        loaded.backfill(NOW.date() - timedelta(days=3), NOW.date(), ["images"])


@given(buckets=st.integers(1, 3000), floor=st.integers(1, 3200), width=st.sampled_from([DAY, HOUR]))
def test_the_first_accepted_bucket_is_found_in_a_few_steps(buckets: int, floor: int, width: BucketWidth) -> None:
    bucket = timedelta(seconds=width.seconds)
    start = datetime(2020, 1, 1, tzinfo=UTC)
    asked: list[int] = []

    def is_accepted(instant: datetime) -> bool:
        asked.append((instant - start) // bucket)
        assert start + asked[-1] * bucket == instant, "only starts of buckets are asked about"
        assert 0 < asked[-1] < buckets
        return asked[-1] >= floor

    found = first_accepted(Window(start, start + buckets * bucket), width, is_accepted)
    assert found == (start + floor * bucket if floor < buckets else None)
    assert len(asked) == len(set(asked))
    assert len(asked) <= 2 * log2(buckets) + 2
