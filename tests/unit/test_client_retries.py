"""The client's retries: which faults are waited out, how long, and when that ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from meterhouse.errors import TryAgainLater

from .client_calls import PAGE, fetched, raised


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 520, 599])
def test_a_fault_of_the_moment_is_waited_out_with_doubling_waits(connect, vendor, status):
    vendor.fail_next(3, status=status)
    client = connect(vendor.base_url)
    assert fetched(client) == [PAGE]
    assert client.sleeps == [0.5, 1.0, 2.0]
    assert len(vendor.requests) == 4
    assert len({request.pairs for request in vendor.requests}) == 1


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_retries_end_and_say_where_why_and_what_now(connect, vendor, retries):
    vendor.fail_next(20, status=503)
    client = connect(vendor.base_url, retries=retries)
    with raised(TryAgainLater, f"127.0.0.1:{vendor.port}.*HTTP 503.*gave up after {retries + 1} attempts.*run again later"):
        fetched(client)
    assert len(vendor.requests) == retries + 1
    assert len(client.sleeps) == retries


@pytest.mark.parametrize(
    ("header", "wait"),
    [("7", 7.0), ("0", 0.5), ("120", 120.0), ("0.5", 0.5), ("-1", 0.5), ("soon", 0.5), ("", 0.5), (None, 0.5)],
)
def test_retry_after_in_seconds_is_obeyed_and_a_malformed_one_ignored(connect, vendor, header, wait):
    vendor.fail_next(1, status=429, headers={} if header is None else {"Retry-After": header})
    client = connect(vendor.base_url)
    fetched(client)
    assert client.sleeps == [wait]


def test_retry_after_as_a_date_is_obeyed_and_one_in_the_past_does_not_mean_at_once(connect, vendor):
    now = datetime.now(UTC)
    for seconds in (60, -60):
        vendor.fail_next(1, status=503, headers={"Retry-After": format_datetime(now + timedelta(seconds=seconds), usegmt=True)})
    client = connect(vendor.base_url)
    fetched(client)
    fetched(client)
    assert 50 < client.sleeps[0] <= 60
    assert client.sleeps[1] == 1.0


@pytest.mark.parametrize("header", ["121", "86400", "9" * 400, "Fri, 31 Dec 2100 00:00:00 GMT"])
def test_a_wait_that_is_too_long_is_left_to_the_next_run(connect, vendor, header):
    vendor.fail_next(1, status=503, headers={"Retry-After": header})
    client = connect(vendor.base_url)
    with raised(TryAgainLater, "asks to wait"):
        fetched(client)
    assert (client.sleeps, len(vendor.requests)) == ([], 1)


def test_a_storm_of_failures_costs_a_fifth_more_requests_and_not_five_times_as_many(connect, vendor):
    vendor.fail_next(5000, status=503)
    client = connect(vendor.base_url)
    for _ in range(100):
        with raised(TryAgainLater):
            fetched(client)
    assert 100 < len(vendor.requests) <= 100 + 30
    with raised(TryAgainLater, "too many requests of this run failed"):
        fetched(client)


def test_every_retry_is_logged_with_its_reason_and_wait(connect, vendor, caplog):
    vendor.fail_next(1, status=502)
    fetched(connect(vendor.base_url))
    [message] = [record.getMessage() for record in caplog.records if record.name == "meterhouse.client"]
    assert message.startswith("/organization/usage/completions: HTTP 502")
    assert message.endswith("attempt 2 of 5 in 0.5 s")


def test_waiting_counts_as_waited(connect, vendor):
    vendor.fail_next(1, status=429, headers={"Retry-After": "100"})
    client = connect(vendor.base_url)
    fetched(client)
    assert 100 < client.seconds_waited < 102
