"""Retries: waits are jittered, bounded and never shorter than the vendor asked for; a run cannot multiply its own load."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhouse.vendors.retries import Backoff, RetryBudget, retry_after_seconds

EXAMPLES = settings(max_examples=300, deadline=None, derandomize=True)
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_the_ceiling_of_the_wait_doubles_until_it_stands():
    waits = [Backoff().wait_seconds(attempt, lambda: 1.0) for attempt in range(1, 8)]
    assert waits == [1.5, 3.0, 6.0, 12.0, 24.0, 45.0, 45.0]


@EXAMPLES
@given(st.integers(1, 1000), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 10_000)))
def test_a_wait_is_between_what_the_vendor_asked_for_and_the_ceiling(attempt, random, asked):
    wait = Backoff().wait_seconds(attempt, lambda: random, asked)
    assert wait >= (asked or 0.0)
    assert wait <= max(45.0, asked or 0.0)
    assert wait >= min(30.0, 2.0 ** (min(attempt, 10) - 1))


def test_jitter_makes_the_waits_longer_by_up_to_a_half():
    assert [Backoff().wait_seconds(attempt, lambda: 0.0) for attempt in range(1, 6)] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert [Backoff().wait_seconds(3, lambda share=share: share) for share in (0.0, 0.25, 1.0)] == [4.0, 4.5, 6.0]
    assert Backoff(base_seconds=0.1).wait_seconds(1, lambda: 0.0) == 0.1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        (" 30 ", 30.0),
        ("86400", 86400.0),
        ("0.5", None),
        ("-1", None),
        ("+5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        ("1e3", None),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 12:01:00 +0000", 60.0),
        ("Fri, 20 Nov 2026 13:00:10 +0100", 10.0),
        ("Fri, 20 Nov 2026 12:00:30 -0000", 30.0),
        ("Fri, 20 Nov 2026 11:59:00 GMT", None),
        ("Fri, 20 Nov 2026 12:00:00 GMT", None),
        ("Fri, 99 Foo 2026 12:00:00 GMT", None),
        ("Mon, 01 Jan 99999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2027 00:00:00 +999999999999999", None),
    ],
)
def test_retry_after_is_understood_as_seconds_or_as_a_date_and_else_ignored(header, seconds):
    assert retry_after_seconds(header, NOW) == seconds


@EXAMPLES
@given(st.one_of(st.text(max_size=40), st.text("0123456789:, +-GMTJanFriMon", max_size=40)))
def test_no_retry_after_of_any_kind_raises(text):
    seconds = retry_after_seconds(text, NOW)
    assert seconds is None or seconds >= 0


@EXAMPLES
@given(st.integers(1, 10**7))
def test_a_date_in_the_future_is_as_many_seconds_away_as_it_says(seconds):
    assert retry_after_seconds(format_datetime(NOW + timedelta(seconds=seconds), usegmt=True), NOW) == seconds


@EXAMPLES
@given(st.integers(0, 3000))
def test_a_run_may_retry_ten_times_or_a_fifth_of_its_requests(requests):
    budget = RetryBudget(requests=requests)
    spent = 0
    while budget.spend():
        spent += 1
    assert spent == budget.retries == max(10, -(-requests // 5))
    assert not budget.spend(), "a budget that is used up stays so"


def test_every_further_request_earns_a_fifth_of_a_retry():
    budget = RetryBudget(requests=50, retries=10)
    assert not budget.spend()
    budget.requests += 1
    assert budget.spend()
