"""The client's retries: which faults are waited out, how long, and when that ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from meterhouse.counts import counted
from meterhouse.errors import TryAgainLater
from meterhouse.ports import free_port

from .client_calls import PAGE, fetched, raised


@pytest.mark.fault(20)
@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 520, 599])
def test_a_fault_of_the_moment_is_waited_out_with_doubling_waits(connect, vendor, status):
    vendor.fail_next(3, status=status)
    client = connect(vendor.base_url)
    assert fetched(client) == [PAGE]
    assert client.sleeps == [1.5, 3.0, 6.0]
    assert len(vendor.requests) == 4
    assert len({request.pairs for request in vendor.requests}) == 1


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_retries_end_and_say_where_why_and_what_now(connect, vendor, retries):
    vendor.fail_next(20, status=503)
    client = connect(vendor.base_url, retries=retries)
    with raised(TryAgainLater, f"127.0.0.1:{vendor.port}.*HTTP 503.*gave up after {counted(retries + 1, 'attempt')}.*run again later"):
        fetched(client)
    assert len(vendor.requests) == retries + 1
    assert len(client.sleeps) == retries


@pytest.mark.fault(18, 19)
@pytest.mark.parametrize(
    ("header", "wait"),
    [("7", 7.0), ("0", 1.5), ("120", 120.0), ("0.5", 1.5), ("-1", 1.5), ("soon", 1.5), ("", 1.5), (None, 1.5)],
)
def test_retry_after_in_seconds_is_obeyed_and_a_malformed_one_ignored(connect, vendor, header, wait):
    vendor.fail_next(1, status=429, headers={} if header is None else {"Retry-After": header})
    client = connect(vendor.base_url)
    fetched(client)
    assert client.sleeps == [wait]


@pytest.mark.fault(18)
def test_retry_after_as_a_date_is_obeyed_and_one_in_the_past_does_not_mean_at_once(connect, vendor):
    now = datetime.now(UTC)
    for seconds in (60, -60):
        vendor.fail_next(1, status=503, headers={"Retry-After": format_datetime(now + timedelta(seconds=seconds), usegmt=True)})
    client = connect(vendor.base_url)
    fetched(client)
    fetched(client)
    assert 50 < client.sleeps[0] <= 60
    assert client.sleeps[1] == 3.0


@pytest.mark.fault(20)
@pytest.mark.parametrize("header", ["121", "86400", "9" * 400, "Fri, 31 Dec 2100 00:00:00 GMT"])
def test_a_wait_that_is_too_long_is_left_to_the_next_run(connect, vendor, header):
    vendor.fail_next(1, status=503, headers={"Retry-After": header})
    client = connect(vendor.base_url)
    with raised(TryAgainLater, "asks to wait"):
        fetched(client)
    assert (client.sleeps, len(vendor.requests)) == ([], 1)


@pytest.mark.fault(22)
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
    [record] = [record for record in caplog.records if record.name == "meterhouse.vendors.http_client"]
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith("/organization/usage/completions: HTTP 502")
    assert record.getMessage().endswith("attempt 2 of 5 in 1.5 s")


def test_a_refused_connection_is_tried_for_a_quarter_of_a_minute_and_not_for_a_second(connect):
    client = connect(f"http://127.0.0.1:{free_port()}/v1")
    with raised(TryAgainLater, "cannot be reached.*gave up after 5 attempts"):
        fetched(client)
    assert client.sleeps == [1.5, 3.0, 6.0, 12.0]


def test_a_wait_that_grows_long_is_announced_once_and_a_short_one_is_not(connect, vendor, caplog, monkeypatch):
    monkeypatch.setattr("meterhouse.vendors.patience.LONG_SECONDS", 0.2)
    vendor.fail_next(1, kind="slow", seconds=0.8)
    client = connect(vendor.base_url)
    fetched(client)
    fetched(client)
    [record] = [record for record in caplog.records if record.name == "meterhouse.vendors.patience"]
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        f"asking 127.0.0.1:{vendor.port} for /organization/usage/completions: no whole answer for 0.2 s, waiting for up to 5 s"
    )


def test_the_vendors_words_steer_no_terminal_and_forge_no_line(connect, vendor, caplog):
    body = {
        "error": {"message": "overloaded \x1b[2J\x1b]0;title\x07\u202e\nERROR forged\u2028line", "type": "x", "code": None, "param": None}
    }
    vendor.fail_next(2, status=503, body=body)
    with raised(TryAgainLater) as caught:
        fetched(connect(vendor.base_url, retries=1))
    for text in (
        str(caught.value),
        *(record.getMessage() for record in caplog.records if record.name == "meterhouse.vendors.openai.client"),
    ):
        assert r"overloaded \x1b[2J\x1b]0;title\x07\u202e ERROR forged line" in text
        assert len(text.splitlines()) == 1


def test_waiting_counts_as_waited(connect, vendor):
    vendor.fail_next(1, status=429, headers={"Retry-After": "100"})
    client = connect(vendor.base_url)
    fetched(client)
    assert 100 < client.seconds_waited < 102
