"""What a backfill may not do: empty what is older than the lookback, or take a stale stop for progress."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.admin_keys import organization_of
from meterhouse.errors import ConfirmToEmpty, FixConfiguration, RejectedAnswer
from meterhouse.load.store import Store
from meterhouse.load.stream_load import Mode

from .test_replace_window import LOADS, NOW, Fetch, Loading, covered, day, key, window


def test_an_answer_that_reaches_into_the_lookback_may_not_empty_the_days_before_it(warehouse: Warehouse) -> None:
    loading = Loading.opened(warehouse.loader_url)
    with loading.store:
        one = {key("a", "omni"): (1, 1, None)}
        loading.replace(window(0, 4), {day(number): one for number in range(4)})
        stage = loading.store.stage(LOADS, LOADS.endpoint.dimensions)
        stage.collect([(day(3), one)])
        mode = Mode(moves_watermark=False, lookback_start=day(2) + timedelta(hours=7), force=False)
        protected = mode.protected(window(0, 4))
        assert protected == window(0, 2)
        assert Mode(moves_watermark=False, lookback_start=day(2), force=True).protected(window(0, 4)) is None
        assert mode.protected(window(2, 4)) is None
        answered = {day(number): (one if number == 3 else {}) for number in range(4)}
        fetch = Fetch(loading.store.next_fetch_number(), LOADS.endpoint.dimensions, 1, 0.0)
        with pytest.raises(ConfirmToEmpty, match="older than the lookback"):
            stage.replace(
                window(0, 4),
                covered(answered, LOADS.width),
                fetch,
                run_id=loading.run_id,
                now=NOW,
                moves_watermark=False,
                protected=protected,
            )
        with psycopg.connect(warehouse.owner_url) as connection:
            assert connection.execute("SELECT count(*) FROM warehouse.usage_moderations").fetchone() == (4,)


def test_a_run_that_stopped_long_ago_or_is_done_is_not_resumed(warehouse: Warehouse) -> None:
    begun = datetime(2026, 11, 20, 12, tzinfo=UTC)
    asked: dict[str, object] = {"organization": "x"}
    day_before = begun - timedelta(days=1)
    with Store(warehouse.loader_url) as store:
        run = store.start_run("backfill", asked, begun)
        store.finish_run(run, "stopped", begun)
        assert store.resume_run("backfill", asked, begun + timedelta(seconds=1), begun + timedelta(hours=1)) is None
        assert store.resume_run("backfill", {"organization": "y"}, day_before, begun) is None
        # It was started with a wrong clock: it may be of any age.
        assert store.resume_run("backfill", asked, day_before, begun - timedelta(seconds=1)) is None
        assert store.resume_run("backfill", asked, day_before, begun) == run
        store.finish_run(run, "done", begun)
        assert store.resume_run("backfill", asked, day_before, begun) is None


def test_a_run_is_resumed_when_its_process_is_gone_and_by_one_process_only(warehouse: Warehouse) -> None:
    begun = datetime(2026, 11, 20, 12, tzinfo=UTC)
    asked: dict[str, object] = {"organization": "x"}
    day_before = begun - timedelta(days=1)
    with Store(warehouse.loader_url) as second, Store(warehouse.superuser_url) as third:
        with Store(warehouse.loader_url) as first:
            run = first.start_run("backfill", asked, begun)
            process = first.connection.info.backend_pid
            # It still runs: joining it would end its entry, and call loaded what nobody asked this command's vendor for.
            assert [other.resume_run("backfill", asked, day_before, begun) for other in (second, third)] == [None, None]
        with psycopg.connect(warehouse.superuser_url, autocommit=True) as connection:
            while connection.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (process,)).fetchall():
                time.sleep(0.01)
        assert second.resume_run("backfill", asked, day_before, begun) == run
        assert third.resume_run("backfill", asked, day_before, begun) is None
        # A loader with its own login sees only that the process exists.
        second.finish_run(run, "failed", begun)
        assert third.resume_run("backfill", asked, day_before, begun) == run
        assert second.resume_run("backfill", asked, day_before, begun) is None


def test_purging_an_organization_under_a_load_is_one_clear_line(warehouse: Warehouse) -> None:
    loading = Loading.opened(warehouse.loader_url)
    with loading.store:
        one = {key("a", "omni"): (1, 1, None)}
        loading.replace(window(0, 1), {day(0): one})
        with Store(warehouse.loader_url) as other:
            other.purge(LOADS.organization)
        with pytest.raises(Exception, match=r"purged meanwhile|run again") as told:
            loading.replace(window(0, 1), {day(0): one})
        assert not isinstance(told.value, psycopg.Error | RejectedAnswer)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("api.openai.com", "https://api.openai.com/v1"),
        ("http://127.0.0.1:8089/v1", "http://127.0.0.1:8089/v1"),
    ],
)
def test_a_connections_host_is_read_as_people_write_it(host: str, address: str) -> None:
    assert organization_of("acme", "sk-admin-0123456789abcdef", host, named="the connection c").base_url == address


@pytest.mark.parametrize(
    ("host", "label"), [("http://gateway.example/v1", "acme"), ("https://[::1", "acme"), ("https://api.openai.com/v1", "Not a label")]
)
def test_a_connection_cannot_send_the_key_in_clear_or_carry_a_strange_label(host: str, label: str) -> None:
    with pytest.raises(FixConfiguration, match="the connection c") as refused:
        organization_of(label, "sk-admin-0123456789abcdef", host, named="the connection c")
    assert "sk-admin" not in str(refused.value)
