"""Loads that got nothing say so: beyond the vendor's reach, not offered, not begun; and loads that got a part say which part."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import ENDPOINTS, HOUR
from meterhouse.errors import FixConfiguration
from meterhouse.fake_openai import FakeOrganization
from meterhouse.load.outcome import nothing_loaded
from meterhouse.load.run import Progress
from meterhouse.orchestration.tasks import _told

from .loaded_organization import NOW, LoadedOrganization, midnight, served

TODAY = NOW.date()
REACH = 40
FLOOR = TODAY - timedelta(days=REACH)
Serve = Callable[..., LoadedOrganization]


@pytest.fixture
def serve(warehouse: Warehouse) -> Iterator[Serve]:
    with ExitStack() as opened:
        yield lambda **offers: opened.enter_context(
            served(FakeOrganization(NOW, scale=0.2, **{"history_days": REACH, **offers}), warehouse)
        )


def ago(days: int) -> Any:
    return TODAY - timedelta(days=days)


def test_a_backfill_beyond_the_vendors_reach_says_so_and_is_wrong(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    loaded = serve()
    steps: list[Progress] = []
    outcome = loaded.backfill(ago(90), ago(80), ["costs", "images"], report=steps.append)
    assert [summary.windows for summary in outcome.summaries] == [0, 0]
    assert {summary.reported_from for summary in outcome.summaries} == {str(FLOOR)}
    assert nothing_loaded(outcome.summaries) == (
        f"nothing was loaded: the vendor reports nothing before {FLOOR} (acme/images/1d, acme/costs/1d)"
    )
    with pytest.raises(FixConfiguration, match="ask for other days or endpoints"):
        outcome.require_something_loaded()
    assert [(step.done, step.total, step.window) for step in steps] == [(0, 0, None), (0, 0, None)]
    with caplog.at_level(logging.INFO):
        _told(steps[0])
    assert caplog.messages[-1] == "acme/images/1d: nothing could be loaded"
    assert loaded.query("SELECT count(*) FROM ops.load_log") == [(0,)]


def test_of_a_backfill_that_begins_before_the_reach_the_rest_is_loaded_and_counted(serve: Serve) -> None:
    loaded = serve()
    steps: list[Progress] = []
    outcome = loaded.backfill(ago(90), ago(30), ["costs"], report=steps.append)
    (summary,) = outcome.summaries
    assert (summary.buckets, summary.reported_from) == (10, str(FLOOR))
    assert summary.as_dict()["reported_from"] == str(FLOOR)
    assert nothing_loaded(outcome.summaries) is None
    outcome.require_something_loaded()
    assert [(step.done, step.total) for step in steps] == [(number + 1, summary.windows) for number in range(summary.windows)]
    assert all(step.window for step in steps)
    # One that asks for nothing that is gone has nothing to say.
    (summary,) = loaded.backfill(ago(20), ago(10), ["costs"]).summaries
    assert "reported_from" not in summary.as_dict()


def test_an_endpoint_that_is_not_offered_is_the_reason_and_one_beside_it_is_enough(serve: Serve) -> None:
    loaded = serve(absent_endpoints=["decisions"])
    loaded.defaults["history_start"] = midnight(ago(5))
    for ask in (loaded.sync, lambda only: loaded.backfill(ago(5), TODAY, only)):
        outcome = ask(["decisions"])
        assert "decisions" in (nothing_loaded(outcome.summaries) or "")
        with pytest.raises(FixConfiguration, match="nothing was loaded: not offered by this organization"):
            outcome.require_something_loaded()
        ask(["decisions", "images"]).require_something_loaded()


def test_a_backfill_that_an_earlier_run_has_finished_but_for_its_end_is_not_called_empty(serve: Serve) -> None:
    loaded = serve(history_days=None)

    def stop(step: Progress) -> None:
        if step.done == step.total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loaded.backfill(ago(80), ago(10), ["costs"], report=stop)
    outcome = loaded.backfill(ago(80), ago(10), ["costs"])
    assert [(summary.windows, summary.windows_loaded_before) for summary in outcome.summaries] == [(0, 3)]
    outcome.require_something_loaded()


def test_a_history_that_begins_in_the_future_is_said_to(serve: Serve) -> None:
    outcome = serve().sync(["costs"], history_start=midnight(TODAY + timedelta(days=9)))
    assert nothing_loaded(outcome.summaries) == "nothing was loaded: none of it has begun (acme/costs/1d)"


def test_an_answer_without_a_bucket_is_nothing(serve: Serve) -> None:
    loaded = serve()
    loaded.server.fail_next(1, status=200, body={"object": "page", "data": [], "has_more": False, "next_page": None})
    outcome = loaded.backfill(ago(3), TODAY, ["images"])
    assert nothing_loaded(outcome.summaries) == "nothing was loaded: the vendor's answer holds no bucket (acme/images/1d)"


def test_settings_without_an_endpoint_of_the_width_are_refused(serve: Serve) -> None:
    with pytest.raises(FixConfiguration, match="METERHOUSE_ENDPOINTS names no endpoint with buckets of width 1h"):
        serve().backfill(ago(3), TODAY, width=HOUR, endpoints=("costs",))


def test_many_streams_are_reported_in_one_line(serve: Serve) -> None:
    line = nothing_loaded(serve().backfill(ago(90), ago(80)).summaries) or ""
    assert "\n" not in line
    assert line.endswith(f"(acme/completions/1d, acme/decisions/1d, acme/embeddings/1d and {len(ENDPOINTS) - 3} more)")
