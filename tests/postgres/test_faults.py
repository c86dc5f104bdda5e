"""Faults on the way: what is retried comes out right, what is not leaves its window alone, and the next run heals it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from tests.conftest import Warehouse
from tests.faults.small_pages import SmallPages

from meterhouse.errors import FixConfiguration, MeterhouseError, RejectedAnswer, TryAgainLater
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.fake_openai.answers import Answer, Request

from .comparison import assert_equals_source
from .fingerprints import places, row_counts
from .loaded_organization import NOW, LoadedOrganization, midnight

# Two windows of a maximal page each: 31 days, and the 9 behind them.
FIRST, END = date(2026, 10, 1), date(2026, 11, 10)
PAGES = 4 + 1
STORED = ("warehouse.usage_completions", "ops.coverage", "ops.load_log", "ops.revisions")


class InPages(LoadedOrganization):
    """An organization whose windows come in several pages."""

    def __init__(self, fake: FakeOrganization, server: FakeServer, warehouse: Warehouse, pages: SmallPages) -> None:
        super().__init__(fake, server, warehouse)
        self.pages = pages

    def load(self, **changes: Any) -> None:
        self.backfill(FIRST, END, ["completions"], **changes).raise_first()

    def on_page(self, number: int, do: Callable[[Request], Answer | None]) -> None:
        self.pages.before_page[number] = do

    def on_page_body(self, number: int, change: Callable[[dict[str, Any]], None]) -> None:
        """Serve page `number` with its envelope changed."""

        def changed(request: Request) -> Answer:
            real = self.fake.answer(request)
            page = msgspec.json.decode(real.body)
            change(page)
            return replace(real, body=msgspec.json.encode(page))

        self.on_page(number, changed)

    def assert_whole(self) -> None:
        assert_equals_source(self, FIRST, END, ["completions"])
        assert self.query("SELECT count(*) FROM ops.coverage") == [((END - FIRST).days,)]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses before further attempts; none of them is waited out."""
    asked_for: list[float] = []
    monkeypatch.setattr("meterhouse.vendors.http_client.pause", asked_for.append)
    monkeypatch.setattr("meterhouse.vendors.read_ahead.pause", lambda _, seconds: asked_for.append(seconds))
    return asked_for


@pytest.fixture
def paged(warehouse: Warehouse) -> Iterator[InPages]:
    fake = FakeOrganization(NOW, scale=0.1)
    pages = SmallPages(fake, 10)
    with FakeServer(pages) as server:
        yield InPages(fake, server, warehouse, pages)


def status(body: bytes | None = None, code: int = 500) -> Callable[[Request], Answer]:
    return lambda _: Answer(code, body or b'{"error": {"message": "A fault of the test."}}')


def test_windows_come_in_several_pages(paged: InPages) -> None:
    paged.load()
    paged.assert_whole()
    assert paged.pages.pages == PAGES
    assert paged.query("SELECT pages FROM ops.load_log ORDER BY window_start") == [(4,), (1,)]


@pytest.mark.parametrize(
    "fault",
    [
        {"n": 3, "status": 429, "headers": {"Retry-After": "0"}},
        {"n": 2, "status": 429},
        {"n": 2, "status": 500},
        {"n": 1, "status": 503, "headers": {"Retry-After": "1"}},
        {"n": 2, "kind": "truncated"},
        {"n": 2, "kind": "reset"},
        {"n": 2, "kind": "not_json"},
        {"n": 1, "kind": "not_json", "status": 502},
    ],
    ids=lambda fault: " ".join(str(part) for part in fault.values() if not isinstance(part, dict)),
)
@pytest.mark.parametrize("page", [1, 3])
def test_a_fault_that_passes_is_retried_and_nothing_is_lost_or_doubled(
    paged: InPages, waits: list[float], fault: dict[str, Any], page: int
) -> None:
    if page == 1:
        paged.server.fail_next(**fault)
    else:
        # Behind the answer that is just being made come the faults.
        paged.on_page(page - 1, lambda _: paged.server.fail_next(**fault))
    paged.load(retries=4)
    paged.assert_whole()
    assert len(paged.server.requests) == PAGES + fault["n"]
    assert len(waits) == fault["n"]
    assert all(2.0**number <= wait <= 1.5 * 2.0**number for number, wait in enumerate(waits))
    assert paged.query("SELECT status, error FROM ops.run_log") == [("done", None)]


def test_a_page_that_is_slower_than_the_deadline_is_asked_for_again(paged: InPages) -> None:
    paged.server.fail_next(1, kind="slow", seconds=1.5)
    paged.load(retries=1, http_timeout_seconds=1)
    paged.assert_whole()


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ("fault", "expected", "words"),
    [
        ({"status": 500}, TryAgainLater, "HTTP 500"),
        ({"status": 429}, TryAgainLater, "HTTP 429"),
        ({"kind": "truncated"}, TryAgainLater, "cut off"),
        ({"kind": "reset"}, TryAgainLater, "connection broke"),
        ({"kind": "not_json"}, TryAgainLater, "not the JSON"),
        ({"status": 401}, FixConfiguration, "refuses the admin key"),
        ({"status": 403}, FixConfiguration, "refuses the admin key"),
        ({"kind": "redirect"}, FixConfiguration, "redirects"),
        ({"status": 429, "body": {"error": {"message": "no money", "code": "insufficient_quota"}}}, FixConfiguration, "quota"),
    ],
    ids=lambda value: " ".join(str(part) for part in value.values() if not isinstance(part, dict)) if isinstance(value, dict) else None,
)
def test_a_page_in_the_middle_that_fails_for_good_leaves_its_window_untouched(
    paged: InPages, fault: dict[str, Any], expected: type[MeterhouseError], words: str
) -> None:
    url = paged.warehouse.superuser_url
    paged.load()
    # Restated since it was loaded, on the second and third page of the first window, so that half a window would show.
    paged.fake.clock.set(midnight(date(2026, 10, 20)))
    paged.fake.restate(1)
    paged.fake.clock.set(NOW)
    before = places(url, STORED)
    paged.on_page(PAGES + 2, lambda _: paged.server.fail_next(5, **fault))
    with pytest.raises(expected, match=words):
        paged.load()
    assert places(url, STORED) == before
    # A page that is cut off still counts as served.
    assert paged.pages.pages == PAGES + (3 if fault.get("kind") == "truncated" else 2)
    paged.server.faults.clear()
    paged.load()
    paged.assert_whole()


def test_earlier_windows_stay_when_a_later_one_fails_and_the_next_run_loads_only_the_rest(paged: InPages) -> None:
    paged.on_page(4, lambda _: paged.server.fail_next(1, status=401))
    with pytest.raises(FixConfiguration):
        paged.load()
    assert paged.query("SELECT count(*) FROM ops.coverage") == [(31,)]
    assert_equals_source(paged, FIRST, date(2026, 11, 1), ["completions"])
    ((log_status, error, finished),) = paged.query("SELECT status, error, finished_at FROM ops.run_log")
    assert (log_status, finished) == ("failed", NOW)
    assert "refuses the admin key" in error
    assert paged.server.admin_key not in error
    paged.forget_requests()
    paged.load()
    assert len(paged.server.requests) == 1
    paged.assert_whole()
    assert paged.query("SELECT status FROM ops.run_log") == [("done",)]


def test_a_sync_heals_what_a_failed_one_left_out(acme: LoadedOrganization) -> None:
    acme.sync(["completions", "costs"]).raise_first()
    acme.advance(days=4)
    acme.server.fail_next(9, status=500, path_contains="completions")
    with pytest.raises(TryAgainLater):
        acme.sync(["completions", "costs"]).raise_first()
    watermarks = dict(acme.query("SELECT endpoint, watermark FROM ops.watermarks WHERE bucket_width = 1440"))
    assert watermarks == {"completions": NOW, "costs": acme.now}
    assert acme.query("SELECT status FROM ops.run_log ORDER BY run_id") == [("done",), ("failed",)]
    acme.server.faults.clear()
    acme.advance(hours=1)
    acme.sync(["completions", "costs"]).raise_first()
    assert_equals_source(acme, NOW.date().replace(day=1), acme.today + timedelta(days=1), ["completions", "costs"])
    assert acme.read("SELECT count(*) FROM bi.coverage WHERE status = 'missing'") == [(0,)]


@pytest.mark.fault(31)
def test_a_chain_without_end_is_rejected_and_nothing_of_it_is_written(paged: InPages) -> None:
    paged.server.fail_next(50, kind="endless")
    with pytest.raises(RejectedAnswer, match="has no end"):
        paged.load()
    assert "warehouse.usage_completions" not in row_counts(paged.warehouse.superuser_url)
    assert len(paged.server.requests) == 2
    paged.server.faults.clear()
    paged.load()
    paged.assert_whole()


@pytest.mark.fault(32)
def test_a_last_page_that_promises_more_is_taken_when_every_bucket_has_come(paged: InPages) -> None:
    paged.on_page_body(4, lambda page: page.update(has_more=True, next_page=None))
    paged.load()
    paged.assert_whole()
    assert paged.pages.pages == PAGES


@pytest.mark.fault(32)
@pytest.mark.parametrize("again", ["and does so again", "and then comes whole"])
def test_a_page_in_the_middle_without_a_token_is_asked_for_once_more_from_the_start(paged: InPages, again: str) -> None:
    def without_token(page: dict[str, Any]) -> None:
        page.update(has_more=True, next_page=None)

    paged.on_page_body(2, without_token)
    if again == "and then comes whole":
        paged.load()
    else:
        paged.on_page_body(4, without_token)
        with pytest.raises(TryAgainLater, match="not where"):
            paged.load()
        assert "warehouse.usage_completions" not in row_counts(paged.warehouse.superuser_url)
        paged.load()
    paged.assert_whole()


@pytest.mark.fault(25)
def test_a_token_that_the_vendor_refuses_makes_the_window_begin_again(paged: InPages) -> None:
    body = b'{"error": {"message": "Invalid page token", "param": "page", "type": "invalid_request_error"}}'
    paged.on_page(3, status(body, 400))
    paged.load()
    paged.assert_whole()
    assert paged.pages.pages == 3 + PAGES


@pytest.mark.fault(11, 39)
def test_a_bucket_that_does_not_come_is_left_alone_and_reported(paged: InPages) -> None:
    paged.load()
    gone = date(2026, 10, 15)
    before = places(paged.warehouse.superuser_url, ["warehouse.usage_completions", "ops.coverage"])
    paged.on_page_body(PAGES + 2, lambda page: page["data"].pop(4))
    paged.load()
    assert places(paged.warehouse.superuser_url, ["warehouse.usage_completions", "ops.coverage"]) == before
    ((warnings,),) = paged.query("SELECT warnings FROM ops.load_log WHERE warnings IS NOT NULL")
    assert warnings == [f"the answer lacked 1 bucket that the warehouse keeps as before, the first of {gone}T00:00Z"]


@pytest.mark.fault(39, 85)
def test_a_gap_in_the_answer_keeps_the_watermark_before_it(acme: LoadedOrganization) -> None:
    acme.sync(["images"], widths=("1d",)).raise_first()
    acme.advance(days=4)
    gap = acme.today - timedelta(days=2)
    real = acme.fake.answer

    class WithoutADay:
        """Leaves one day out of every answer, as if the vendor did not have it yet."""

        def answer(self, request: Request) -> Answer:
            found = real(request)
            page = msgspec.json.decode(found.body)
            page["data"] = [bucket for bucket in page["data"] if not bucket["start_time_iso"].startswith(str(gap))]
            return replace(found, body=msgspec.json.encode(page))

    acme.server.application = WithoutADay()
    acme.sync(["images"], widths=("1d",)).raise_first()
    assert acme.query("SELECT (watermark AT TIME ZONE 'UTC')::date FROM ops.watermarks") == [(gap,)]
    assert acme.read("SELECT usage_date FROM bi.coverage WHERE status = 'missing'") == [(gap,)]
    acme.server.application = acme.fake
    acme.sync(["images"], widths=("1d",)).raise_first()
    assert acme.query("SELECT watermark FROM ops.watermarks") == [(acme.now,)]
    assert_equals_source(acme, NOW.date().replace(day=1), acme.today + timedelta(days=1), ["images"])


@pytest.mark.parametrize(
    "change",
    [
        lambda page: page["data"][0].pop("results"),
        lambda page: page["data"][0].update(start_time=page["data"][0]["start_time"] - 3600),
        lambda page: page.update(object="list"),
    ],
    ids=["no results", "crooked", "no page"],
)  # fmt: skip
def test_an_answer_that_breaks_the_contract_is_rejected_and_the_old_rows_stay(paged: InPages, change: Any) -> None:
    paged.load()
    before = places(paged.warehouse.superuser_url, STORED)
    paged.on_page_body(PAGES + 2, change)
    with pytest.raises(RejectedAnswer):
        paged.load()
    assert places(paged.warehouse.superuser_url, STORED) == before
    # A backfill that was rejected before it wrote has no entry to resume, and the next one is whole.
    paged.load()
    paged.assert_whole()


def once_more(**changes: Any) -> Callable[[dict[str, Any]], None]:
    """Let a page hold its first bucket a second time, with changes."""
    return lambda page: page["data"].append(page["data"][0] | changes)


def test_a_bucket_that_comes_twice_with_other_rows_is_asked_for_again_and_then_rejected(paged: InPages) -> None:
    paged.load()
    before = places(paged.warehouse.superuser_url, STORED)
    paged.on_page_body(PAGES + 2, once_more(results=[]))
    # Which of the two texts is right shows only when both are decoded, so the window is asked for once more.
    paged.on_page_body(PAGES + 4, once_more(results=[]))
    with pytest.raises(RejectedAnswer, match="came twice with different rows"):
        paged.load(connections=1)
    assert places(paged.warehouse.superuser_url, STORED) == before
    paged.load()
    paged.assert_whole()


def test_a_bucket_that_comes_twice_with_equal_rows_in_another_order_counts_once(paged: InPages) -> None:
    def reversed_too(page: dict[str, Any]) -> None:
        once_more(results=page["data"][0]["results"][::-1])(page)

    for number in (2, 4):
        paged.on_page_body(number, reversed_too)
    paged.load(connections=1)
    paged.assert_whole()
    assert paged.query("SELECT warnings FROM ops.load_log WHERE warnings IS NOT NULL") == [(["a bucket came twice, with equal rows"],)]


@pytest.mark.fault(38)
def test_a_bucket_outside_of_the_window_is_left_out(paged: InPages) -> None:
    def add_a_day_before(page: dict[str, Any]) -> None:
        first = page["data"][0]
        page["data"].append({**first, "start_time": first["start_time"] - 86400, "end_time": first["end_time"] - 86400})

    paged.on_page_body(1, add_a_day_before)
    paged.load()
    paged.assert_whole()
    ((warnings,),) = paged.query("SELECT warnings FROM ops.load_log WHERE warnings IS NOT NULL")
    assert "outside of the window" in warnings[0]
