"""The retired endpoints, over real HTTP: five calls a minute, days that are stored one by one, and one line where they answer no more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.answers import Answer, Request
from meterhouse.imports.legacy_api import import_from_legacy_api
from meterhouse.vendors.openai.legacy_client import Pace
from meterhouse.windows import Window

from .fingerprints import places
from .loaded_organization import LABEL, NOW, LoadedOrganization, midnight, served
from .retired_endpoints import RetiredEndpoints

FIRST, END = date(2026, 3, 2), date(2026, 3, 6)
SESSION_KEY = (
    "Your request to GET /v1/dashboard/billing/usage must be made with a session key (that is, it can only be made from the browser)."
    " You made it with the following key type: secret."
)


class Watch:
    """A clock in seconds that moves only when somebody waits, or lets an answer take long."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def pace(self) -> Pace:
        return Pace(now=lambda: self.now, sleep=self.sleep)


@pytest.fixture
def acme(warehouse: Warehouse) -> Iterator[LoadedOrganization]:
    """An invented organization that was never loaded, and whose retired endpoints still answer."""
    with served(FakeOrganization(NOW, scale=0.2), warehouse) as loaded:
        loaded.server.application = RetiredEndpoints(loaded.fake)
        yield loaded


def bring(loaded: LoadedOrganization, watch: Watch, first: date = FIRST, end: date = END, **options: Any) -> list[str]:
    window = Window(midnight(first), midnight(end))
    retries = options.pop("retries", 0)
    return list(import_from_legacy_api(loaded.settings(retries=retries), window, clock=loaded.fake.clock.now, pace=watch.pace(), **options))


def asked(loaded: LoadedOrganization) -> list[tuple[str, ...]]:
    return [(request.path.removeprefix("/v1"), *(text for _, text in request.pairs)) for request in loaded.server.requests]


def test_every_day_is_asked_for_once_stored_and_equal_to_the_last_decimal(acme: LoadedOrganization) -> None:
    watch = Watch()
    said = bring(acme, watch)
    assert said[0] == "acme: 5 calls for days that are not covered, about 1 minute at five calls a minute"
    assert [line.split(":")[0] for line in said[1:-1]] == [f"{number} of 5" for number in range(1, 6)]
    assert asked(acme) == [
        *(("/usage", f"2026-03-0{day}") for day in range(2, 6)),
        ("/dashboard/billing/usage", "2026-03-02", "2026-03-06"),
    ]
    # One call per twelve seconds, and none after the last.
    assert watch.waits == [12.0] * 4
    costs = acme.fake.truth("costs", FIRST, END, [])
    assert dict(acme.read("SELECT usage_date, sum(cost_exact::numeric) FROM bi.costs_daily GROUP BY 1")) == {
        key[0]: figures["amount"] for key, figures in costs.items()
    }
    tokens = acme.fake.truth("completions", FIRST, END, ["model"])
    found = "SELECT usage_date, model_reported, sum(input_tokens) FROM bi.usage_daily WHERE endpoint = 'completions' GROUP BY 1, 2"
    assert {row[:2]: row[2] for row in acme.read(found)} == {key: figures["input_tokens"] for key, figures in tokens.items()}
    assert acme.read("SELECT DISTINCT origin, finality FROM bi.coverage") == [("legacy-api", "settled")]
    assert acme.query("SELECT DISTINCT watermark FROM ops.watermarks") == [(None,)]
    assert said[-1].startswith("imported 5 answers, ")


def test_a_call_that_took_long_is_not_waited_for_twice(acme: LoadedOrganization) -> None:
    watch = Watch()

    def take_long(_: Request) -> None:
        watch.now += 7.5

    acme.server.application = RetiredEndpoints(acme.fake, take_long)
    bring(acme, watch)
    assert watch.waits == [4.5] * 4


def test_after_a_stop_the_same_command_goes_on_where_it_was(acme: LoadedOrganization) -> None:
    calls: list[str] = []

    def stop_at_the_third(request: Request) -> Answer | None:
        calls.append(request.path)
        return Answer(503, b"") if len(calls) == 3 else None

    acme.server.application = RetiredEndpoints(acme.fake, stop_at_the_third)
    with pytest.raises(TryAgainLater):
        bring(acme, Watch())
    assert acme.query("SELECT count(*) FROM ops.coverage WHERE endpoint = 'completions'") == [(2,)]
    acme.forget_requests()
    said = bring(acme, Watch())
    assert said[0].startswith("acme: 3 calls for days that are not covered")
    assert [call[1] for call in asked(acme)] == ["2026-03-04", "2026-03-05", "2026-03-02"]
    stood = places(acme.warehouse.superuser_url)
    acme.forget_requests()
    assert bring(acme, Watch()) == ["acme: 0 calls for days that are not covered, about 0 minutes at five calls a minute"]
    assert asked(acme) == []
    assert places(acme.warehouse.superuser_url) == stood


def test_a_busy_vendor_is_asked_again_at_the_same_pace(acme: LoadedOrganization) -> None:
    acme.server.fail_next(2, status=429)
    watch = Watch()
    bring(acme, watch, end=FIRST + timedelta(days=1), retries=3)
    assert len(asked(acme)) == 4
    # Waits for the next call are all of a pace; what the retries wait besides is no part of this clock.
    assert watch.waits == [12.0] * 3


@pytest.mark.parametrize("path", ["/usage", "/dashboard/billing/usage"])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"error": {"message": SESSION_KEY, "type": "server_error", "param": None, "code": None}}),
        (403, {"error": {"message": "You have insufficient permissions for this operation. Missing scopes: api.usage.read."}}),
        (404, "<html>not found</html>"),
        (410, {"error": "gone"}),
        (400, {"error": {"message": SESSION_KEY}}),
        (500, {"error": {"message": SESSION_KEY}}),
    ],
)
def test_every_refusal_is_one_line_that_names_the_files_and_is_not_tried_again(
    acme: LoadedOrganization, path: str, status: int, body: Any
) -> None:
    acme.server.fail_next(1, status=status, body=body, path_contains=path)
    with pytest.raises(FixConfiguration) as told:
        bring(acme, Watch(), end=FIRST + timedelta(days=1), retries=4)
    line = str(told.value)
    assert f"no longer answers {path} for API keys (HTTP {status}" in line
    assert "meterhouse import usage FILE, meterhouse import costs FILE; docs/import.md" in line
    assert "\n" not in line
    assert acme.server.admin_key not in line
    assert [call[0] for call in asked(acme)].count(path) == 1
    assert told.value.exit_status == 2


def test_the_vendor_of_today_refuses_at_the_first_call(acme: LoadedOrganization) -> None:
    acme.server.application = acme.fake
    with pytest.raises(FixConfiguration, match="no longer answers /usage for API keys"):
        bring(acme, Watch())
    assert len(asked(acme)) == 1
    assert acme.query("SELECT count(*) FROM ops.coverage") == [(0,)]


def test_days_of_the_api_are_not_asked_for(acme: LoadedOrganization) -> None:
    acme.backfill(FIRST, FIRST + timedelta(days=3), ["completions", "costs"]).raise_first()
    acme.forget_requests()
    bring(acme, Watch())
    assert asked(acme) == [("/usage", "2026-03-05"), ("/dashboard/billing/usage", "2026-03-05", "2026-03-06")]
    origins = acme.read("SELECT endpoint, usage_date, origin FROM bi.coverage WHERE endpoint IN ('completions', 'costs') ORDER BY 1, 2")
    assert [origin for *_, origin in origins] == [*["api"] * 3, "legacy-api"] * 2


def test_a_key_of_another_organization_is_refused(acme: LoadedOrganization, warehouse: Warehouse) -> None:
    acme.backfill(END, END + timedelta(days=1), ["costs"]).raise_first()
    stood = places(warehouse.superuser_url)
    with served(FakeOrganization(NOW, seed=2, scale=0.2), warehouse) as other:
        other.server.application = RetiredEndpoints(other.fake)
        with pytest.raises(FixConfiguration, match=f"is of the organization {other.fake.roster.organization_id}, and the label {LABEL}"):
            bring(other, Watch())
    assert places(warehouse.superuser_url) == stood


def test_a_dry_run_asks_nobody(acme: LoadedOrganization) -> None:
    said = bring(acme, Watch(), dry_run=True)
    assert said == ["acme: 5 calls for days that are not covered, about 1 minute at five calls a minute"]
    assert asked(acme) == []


def test_a_day_that_is_young_is_asked_for_again_later(acme: LoadedOrganization) -> None:
    today = acme.today
    bring(acme, Watch(), first=today - timedelta(days=3), end=today + timedelta(days=1))
    states = "SELECT usage_date, finality FROM bi.coverage WHERE endpoint = 'completions' ORDER BY 1"
    assert [state for _, state in acme.read(states)] == ["settled", "settling", "settling", "open"]
    acme.forget_requests()
    acme.advance(days=5)
    bring(acme, Watch(), first=today - timedelta(days=3), end=today + timedelta(days=1))
    days = [datetime.fromisoformat(call[1]).date() for call in asked(acme) if call[0] == "/usage"]
    assert days == [today - timedelta(days=2), today - timedelta(days=1), today]
    assert {state for _, state in acme.read(states)} == {"settled"}
