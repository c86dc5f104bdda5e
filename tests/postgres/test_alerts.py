"""Alerts over real channels: once per problem and UTC day, no matter who is first, and again if nobody could be reached."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pytest
from tests.conftest import Warehouse
from tests.e2e.inbox import Inbox, open_inbox

from meterhouse.load.store import Store
from meterhouse.orchestration.alerts import Problem, problem_of, run_is_late, tell

TITLE = "meterhouse: openai_costs failed"
KEY = Problem("openai_costs/costs/FixConfiguration", "costs: the key was refused: make a new one {{ 7 * 7 }} <b>")
GAP = Problem("checks/coverage_gaps", "coverage_gaps: 2 buckets missing")
LINK = "http://127.0.0.1:8080/dags/openai_costs/runs/x"


@pytest.fixture
def inbox(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    """Both channels, in the environment that a worker has."""
    monkeypatch.setenv("WAREHOUSE_URL", warehouse.loader_url)
    with open_inbox() as opened:
        for name, connection in opened.connections.items():
            monkeypatch.setenv(name, connection)
        yield opened


def test_a_problem_reaches_the_webhook_and_the_mailbox_as_it_was_written_with_the_link(inbox: Inbox) -> None:
    tell(TITLE, [KEY], LINK)
    (post,), (mail,) = inbox.posts, inbox.mails
    assert (post["title"], post["type"]) == (TITLE, "failure")
    assert post["message"] == f"{KEY.text}\n\n{LINK}"
    assert (mail["Subject"], mail["To"], mail["From"]) == (TITLE, "ops@example.com", "airflow@example.com")
    body = mail.get_body()
    assert body is not None
    assert "{{ 7 * 7 }} &lt;b&gt;" in body.get_content()
    assert LINK in body.get_content()


def test_the_same_problem_is_reported_once_per_day_and_then_only_new_ones(inbox: Inbox) -> None:
    tell(TITLE, [KEY], LINK)
    tell(TITLE, [KEY], LINK)
    assert len(inbox.posts) == len(inbox.mails) == 1
    tell(TITLE, [KEY, GAP], LINK)
    assert inbox.posts[1]["message"].splitlines()[0] == GAP.text
    assert KEY.text not in inbox.posts[1]["message"]


def test_on_the_next_day_it_is_reported_again(warehouse: Warehouse, inbox: Inbox) -> None:
    tell(TITLE, [KEY], LINK)
    with psycopg.connect(warehouse.superuser_url) as connection:
        connection.execute("UPDATE ops.alerts SET told_on = told_on - 1")
    tell(TITLE, [KEY], LINK)
    assert len(inbox.posts) == 2


def test_a_day_is_a_utc_day(warehouse: Warehouse) -> None:
    night = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
    with Store(warehouse.loader_url) as store:
        assert store.alerts.claim(["x"], night.astimezone(timezone(timedelta(hours=-5)))) == {"x"}
        assert store.alerts.claim(["x"], night + timedelta(hours=22)) == set()
        assert store.alerts.claim(["x"], night + timedelta(hours=23)) == {"x"}


def test_several_that_find_the_same_at_the_same_time_tell_it_once(inbox: Inbox) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: tell(TITLE, [KEY, GAP], LINK), range(6)))
    assert len(inbox.posts) == len(inbox.mails) == 1


def test_a_channel_out_of_order_is_said_and_the_other_tells_once(inbox: Inbox) -> None:
    inbox.is_out_of_order = True
    with pytest.raises(ConnectionError, match=r"one of the channels did not take the message .*meterhouse_alerts refused"):
        tell(TITLE, [KEY], LINK)
    assert (len(inbox.mails), len(inbox.posts)) == (1, 0)
    tell(TITLE, [KEY], LINK)
    assert (len(inbox.mails), len(inbox.posts)) == (1, 0)


def test_when_no_channel_takes_it_the_next_failure_tells_it_again(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_METERHOUSE_ALERTS_MAIL")
    inbox.is_out_of_order = True
    with pytest.raises(ConnectionError, match="the alert could not be sent"):
        tell(TITLE, [KEY], LINK)
    inbox.is_out_of_order = False
    tell(TITLE, [KEY], LINK)
    tell(TITLE, [KEY], LINK)
    assert len(inbox.posts) == 1


def test_a_warehouse_that_takes_no_writes_is_no_reason_to_be_silent(warehouse: Warehouse, inbox: Inbox) -> None:
    with psycopg.connect(warehouse.superuser_url, autocommit=True) as administrator:
        administrator.execute(f"ALTER DATABASE {administrator.info.dbname} SET default_transaction_read_only = on")
    try:
        tell(TITLE, [KEY], LINK)
    finally:
        with psycopg.connect(warehouse.superuser_url, autocommit=True) as administrator:
            administrator.execute("SET default_transaction_read_only = off")
            administrator.execute(f"ALTER DATABASE {administrator.info.dbname} RESET default_transaction_read_only")
    assert len(inbox.posts) == len(inbox.mails) == 1


def test_a_malformed_key_is_reported_once_too(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-with a blank")
    tell(TITLE, [KEY], LINK)
    tell(TITLE, [KEY], LINK)
    assert len(inbox.posts) == 1


def test_texts_that_differ_only_in_their_figures_are_one_problem_and_other_words_another() -> None:
    one, same, other = (
        problem_of("openai_usage/images", "TryAgainLater", text)
        for text in ("gave up after 2 attempts", "gave up after 5 attempts", "the warehouse went away")
    )
    assert one.key == same.key != other.key
    assert one.text == "images: gave up after 2 attempts"


def test_a_warehouse_that_is_away_is_no_reason_to_be_silent(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://nobody:nothing@127.0.0.1:1/none")
    tell(TITLE, [KEY], LINK)
    assert len(inbox.posts) == len(inbox.mails) == 1


def test_without_a_channel_the_log_says_so(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", warehouse.loader_url)
    monkeypatch.delenv("AIRFLOW_CONN_METERHOUSE_ALERTS", raising=False)
    with caplog.at_level("INFO"):
        tell(TITLE, [KEY], LINK)
    assert "no alert is sent: there is no connection meterhouse_alerts or meterhouse_alerts_mail" in caplog.text


@pytest.mark.parametrize("run", [{"state": "failed"}, {"state": "success"}, {"state": "queued", "run_type": "backfill"}])
def test_a_run_that_has_ended_or_waits_in_a_backfill_is_not_late(inbox: Inbox, run: dict[str, str]) -> None:
    run_is_late({"dag_run": {"dag_id": "openai_usage", "dag_run_id": "x", **run}})
    assert inbox.posts == inbox.mails == []


def test_a_late_run_is_reported_with_its_name(inbox: Inbox) -> None:
    run_is_late({"dag_run": {"dag_id": "openai_usage", "dag_run_id": "scheduled__2026-11-21T13:00:00+00:00"}})
    (post,) = inbox.posts
    assert post["title"] == "meterhouse: openai_usage is late"
    assert "scheduled__2026-11-21T13:00:00+00:00" in post["message"]
    assert "/dags/openai_usage/runs/scheduled__2026-11-21T13%3A00%3A00%2B00%3A00" in post["message"]
