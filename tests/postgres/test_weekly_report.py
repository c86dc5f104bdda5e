"""The weekly report: which week it is of, the file and its totals as SQL has them, and the mail as a real server gets it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiosmtpd.controller import Controller
from tests.conftest import Warehouse
from tests.e2e.inbox import Inbox, open_inbox

from meterhouse import formats
from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.fake_openai import FakeOrganization
from meterhouse.orchestration.report_files import mail_report
from meterhouse.orchestration.weekly_report import WeeklyReport, week_before, write_week
from meterhouse.ports import LOOPBACK, free_port
from meterhouse.warehouse.rollups import fill

from .conftest import MakeWarehouse
from .loaded_organization import LABEL, NOW, LoadedOrganization, midnight, served

MONDAY, SUNDAY = date(2026, 11, 9), date(2026, 11, 15)
TOTALS = """
    SELECT (SELECT sum(cost) FROM bi.costs_daily WHERE usage_date BETWEEN %(first)s AND %(last)s),
        (SELECT sum(requests) FROM bi.usage_daily WHERE usage_date BETWEEN %(first)s AND %(last)s AND endpoint <> 'web_search_calls')
"""
MAIL = "AIRFLOW_CONN_METERHOUSE_REPORT_MAIL"


@pytest.fixture(scope="module")
def loaded(make_warehouse: MakeWarehouse) -> Iterator[LoadedOrganization]:
    """Twenty days of an organization; the tests only look at it."""
    with served(FakeOrganization(NOW, scale=0.2), make_warehouse()) as organization:
        organization.defaults |= {"history_start": midnight(date(2026, 11, 1)), "hourly_history_days": 2}
        organization.sync().raise_first()
        yield organization


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    """A mail server, and the connection that leads there, in the environment that a worker has."""
    with open_inbox() as opened:
        monkeypatch.setenv(MAIL, connection_to(opened, to=["boss@example.com", "finance@example.com"]))
        yield opened


def connection_to(inbox: Inbox, **extra: object) -> str:
    """The alerts' connection with another extra, in which None leaves a word out."""
    found = json.loads(inbox.connections["AIRFLOW_CONN_METERHOUSE_ALERTS_MAIL"])
    found["extra"] = {name: value for name, value in (found["extra"] | extra).items() if value is not None}
    return json.dumps(found)


def in_sql(warehouse: Warehouse, first: date = MONDAY, last: date = SUNDAY) -> tuple[Decimal, int]:
    """What the figures of some days come to, asked from the warehouse."""
    with psycopg.connect(warehouse.reader_url) as reader:
        row = reader.execute(TOTALS, {"first": first, "last": last}).fetchone()
    assert row is not None
    return row[0], int(row[1])


@pytest.mark.parametrize(
    ("moment", "monday"),
    [
        (datetime(2026, 11, 16, 6, 30, tzinfo=UTC), MONDAY),
        (datetime(2026, 11, 16, 0, 0, tzinfo=UTC), MONDAY),
        (datetime(2026, 11, 15, 23, 59, 59, tzinfo=UTC), date(2026, 11, 2)),
        (datetime(2026, 11, 21, 16, 0, tzinfo=UTC), MONDAY),
        # Still Sunday where it was written, Monday in UTC; and the other way round.
        (datetime(2026, 11, 15, 23, 0, tzinfo=timezone(timedelta(hours=-5))), MONDAY),
        (datetime(2026, 11, 16, 1, 0, tzinfo=timezone(timedelta(hours=2))), date(2026, 11, 2)),
        (datetime(2027, 1, 1, 12, tzinfo=UTC), date(2026, 12, 21)),
    ],
    ids=["the schedule", "midnight", "a second before", "a Saturday", "west", "east", "over the year's end"],
)
def test_the_week_is_the_last_one_that_was_over_in_utc(moment: datetime, monday: date) -> None:
    assert week_before(moment) == (monday, monday + timedelta(days=6))
    assert monday.weekday() == 0


@pytest.mark.parametrize("role", ["loader_url", "reader_url"])
def test_the_file_and_the_totals_are_those_of_the_week_for_the_role_of_airflow_and_for_readers(
    loaded: LoadedOrganization, tmp_path: Path, role: str
) -> None:
    folder = tmp_path / "not" / "there"
    written = write_week(getattr(loaded.warehouse, role), MONDAY, SUNDAY, folder)
    cost, requests = in_sql(loaded.warehouse)
    assert cost > 0
    assert requests > 0
    assert written.as_dict() == {
        "path": str(folder / "meterhouse-2026-11-09-to-2026-11-15.html"),
        "first_day": "2026-11-09",
        "last_day": "2026-11-15",
        "cost": {"usd": str(cost)},
        "requests": requests,
    }
    assert json.loads(json.dumps(written.as_dict())) == written.as_dict()
    page = written.path.read_text()
    assert re.search(r'id="card-cost">([^<]+)<', page)[1] == formats.money(cost, "usd")  # type: ignore[index]
    assert f"{requests:,} requests" in page
    assert "9\u201315 Nov 2026" in page
    assert written.limits == ()
    # A neighbouring week has another total, so the days do matter.
    assert in_sql(loaded.warehouse, date(2026, 11, 2), date(2026, 11, 8)) != (cost, requests)


def test_a_second_run_writes_the_same_file_again_and_nothing_beside_it(loaded: LoadedOrganization, tmp_path: Path) -> None:
    first = write_week(loaded.warehouse.loader_url, MONDAY, SUNDAY, tmp_path, now=NOW)
    content = first.path.read_bytes()
    first.path.write_text("of an earlier run")
    second = write_week(loaded.warehouse.loader_url, MONDAY, SUNDAY, tmp_path, now=NOW)
    assert second == first
    assert second.path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [first.path]
    assert first.path.stat().st_mode & 0o777 == 0o644


def test_days_that_are_not_settled_are_named(loaded: LoadedOrganization, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    this_week = write_week(loaded.warehouse.loader_url, date(2026, 11, 16), date(2026, 11, 22), tmp_path)
    (line,) = [line for line in this_week.limits if "Not final yet" in line]
    assert "costs of 19\u201320 Nov 2026 and usage of 20 Nov 2026" in line
    assert line in caplog.text
    assert line in this_week.mail()[1]
    assert "; 7 days: 3 final, 2 not final, 2 not loaded yet\n" in this_week.mail()[1]
    assert this_week.cost["usd"] == in_sql(loaded.warehouse, date(2026, 11, 16), date(2026, 11, 22))[0]


def test_an_amount_that_is_not_known_is_said_beside_the_total(warehouse: Warehouse, tmp_path: Path) -> None:
    with served(FakeOrganization(NOW, scale=0.2), warehouse, LABEL) as organization:
        organization.defaults |= {"history_start": midnight(date(2026, 11, 9)), "hourly_history_days": 2}
        organization.sync(["costs"]).raise_first()
        (key,) = organization.query(
            "UPDATE warehouse.costs SET amount = NULL WHERE ctid = (SELECT ctid FROM warehouse.costs"
            " WHERE bucket_start >= '2026-11-10' AND bucket_start < '2026-11-11' ORDER BY amount DESC LIMIT 1) RETURNING bucket_start"
        )
        with psycopg.connect(warehouse.owner_url) as owner:
            fill(owner)
        written = write_week(warehouse.loader_url, MONDAY, SUNDAY, tmp_path)
    assert key[0].date() == date(2026, 11, 10)
    assert written.limits == (
        "Never loaded: usage of acme. The totals do not include this.",
        "1 row of costs without an amount is not included.",
    )
    with psycopg.connect(warehouse.reader_url) as reader:
        known = reader.execute("SELECT sum(cost) FROM bi.costs_daily WHERE usage_date BETWEEN '2026-11-09' AND '2026-11-15'").fetchone()
    assert known == (written.cost["usd"],)
    assert written.requests is None
    assert "Requests: —" in written.mail()[1]


def test_a_week_that_is_not_loaded_to_its_end_says_so(warehouse: Warehouse, tmp_path: Path) -> None:
    with served(FakeOrganization(NOW, scale=0.2), warehouse, LABEL) as organization:
        organization.defaults |= {"history_start": midnight(date(2026, 11, 9)), "hourly_history_days": 2}
        organization.sync().raise_first()
        assert write_week(warehouse.loader_url, MONDAY, SUNDAY, tmp_path).limits == ()
        # As if costs had failed since Wednesday noon, and one endpoint since Friday.
        organization.query("UPDATE ops.watermarks SET watermark = '2026-11-11T12:00Z' WHERE endpoint = 'costs'")
        organization.query("UPDATE ops.watermarks SET watermark = '2026-11-13Z' WHERE endpoint = 'images' AND bucket_width = 1440")
        written = write_week(warehouse.loader_url, MONDAY, SUNDAY, tmp_path)
    assert written.limits == (
        "Not all costs are loaded beyond 11 Nov 2026, 12:00 UTC: the totals may not include what came later.",
        "Not all usage is loaded beyond 13 Nov 2026, 00:00 UTC: the totals may not include what came later.",
    )
    assert "Not all costs are loaded beyond" in written.mail()[1]


def test_days_of_the_week_that_are_not_loaded_are_named_by_endpoint(warehouse: Warehouse, tmp_path: Path) -> None:
    with served(FakeOrganization(NOW, scale=0.2), warehouse, LABEL) as organization:
        organization.defaults |= {"history_start": midnight(date(2026, 11, 9)), "hourly_history_days": 2}
        organization.sync().raise_first()
        organization.query("DELETE FROM ops.coverage WHERE endpoint = 'costs' AND bucket_start IN ('2026-11-10Z', '2026-11-12Z')")
        organization.query("DELETE FROM ops.coverage WHERE endpoint = 'images' AND bucket_width = 1440 AND bucket_start = '2026-11-13Z'")
        written = write_week(warehouse.loader_url, MONDAY, SUNDAY, tmp_path)
    assert written.limits == (
        "Not loaded: costs, 10 Nov 2026, 12 Nov 2026 (2 of 7 days). These days are missing from the totals and leave a gap in the charts.",
        "Not loaded: images, 13 Nov 2026 (1 of 7 days). These days are missing from the totals and leave a gap in the charts.",
    )
    lines = written.mail()[1].splitlines()
    assert lines[1].endswith("; 5 of 7 days are loaded (all final): the range is incomplete")
    assert lines[2].endswith("; 7 of 7 days are loaded (6 final, 1 loaded in part): the range is incomplete")
    assert lines[3:5] == list(written.limits)


def test_a_week_without_loaded_days_is_waited_for(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(TryAgainLater, match="nothing is loaded for 2026-11-09 to 2026-11-15 yet"):
        write_week(warehouse.loader_url, MONDAY, SUNDAY, tmp_path / "reports")
    assert list(tmp_path.iterdir()) == []


def test_a_warehouse_that_is_away_is_waited_for_and_leaves_last_weeks_file(tmp_path: Path) -> None:
    (tmp_path / "meterhouse-2026-11-09-to-2026-11-15.html").write_text("of an earlier run")
    with pytest.raises(TryAgainLater, match="does not answer"):
        write_week("postgresql://nobody:nothing@127.0.0.1:1/none", MONDAY, SUNDAY, tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["of an earlier run"]


def test_a_folder_that_cannot_be_had_is_named_with_the_setting(loaded: LoadedOrganization, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of somebody else")
    with pytest.raises(FixConfiguration, match=r"file/reports cannot be created \(.+\): choose another METERHOUSE_WEEKLY_REPORT_DIR"):
        write_week(loaded.warehouse.loader_url, MONDAY, SUNDAY, tmp_path / "file" / "reports")
    # No account may make files there.
    with pytest.raises(FixConfiguration, match=r"/proc cannot be written to \(.+\): choose another METERHOUSE_WEEKLY_REPORT_DIR"):
        write_week(loaded.warehouse.loader_url, MONDAY, SUNDAY, Path("/proc"))
    assert (tmp_path / "file").read_text() == "of somebody else"


def test_the_dashboards_packages_are_not_needed(loaded: LoadedOrganization, tmp_path: Path) -> None:
    code = """
import sys
from datetime import date
from pathlib import Path
sys.modules |= {"dash": None, "plotly": None, "waitress": None}
from meterhouse.orchestration.weekly_report import write_week
print(write_week(sys.argv[1], date(2026, 11, 9), date(2026, 11, 15), Path(sys.argv[2])).path)
"""
    arguments = [sys.executable, "-c", code, loaded.warehouse.reader_url, str(tmp_path)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    # Above it stands what was logged.
    assert done.stdout.split()[-1:] == [str(tmp_path / "meterhouse-2026-11-09-to-2026-11-15.html")], done.stderr


@pytest.fixture
def written(loaded: LoadedOrganization, tmp_path: Path) -> WeeklyReport:
    """A report that may be mailed."""
    return write_week(loaded.warehouse.loader_url, MONDAY, SUNDAY, tmp_path)


def test_the_mail_holds_the_totals_and_the_very_file(loaded: LoadedOrganization, inbox: Inbox, written: WeeklyReport) -> None:
    mail_report(written)
    (mail,) = inbox.mails
    cost, requests = in_sql(loaded.warehouse)
    assert mail["Subject"] == f"meterhouse: 9\u201315 Nov 2026, {formats.money(cost, 'usd')}"
    assert (mail["To"], mail["From"]) == ("boss@example.com, finance@example.com", "airflow@example.com")
    body = mail.get_body()
    assert body is not None
    final = "7 days, all final"
    assert f"Cost: {formats.money(cost, 'usd')} (exactly {cost}); {final}<br>Requests: {requests:,}; {final}<br>" in body.get_content()
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == "meterhouse-2026-11-09-to-2026-11-15.html"
    assert attached.get_payload(decode=True) == written.path.read_bytes()
    assert inbox.posts == []


def test_without_the_connection_nobody_is_mailed_whatever_the_alerts_have(
    inbox: Inbox, written: WeeklyReport, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv(MAIL)
    for name, connection in inbox.connections.items():
        monkeypatch.setenv(name, connection)
    with caplog.at_level("INFO"):
        mail_report(written)
    assert inbox.mails == []
    assert "the report is not mailed: there is no connection meterhouse_report_mail" in caplog.text


def test_a_connection_without_addresses_fails_at_once_and_the_file_stays(
    inbox: Inbox, written: WeeklyReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MAIL, connection_to(inbox, to=None))
    with pytest.raises(FixConfiguration, match=r"html is written, but not mailed: the connection meterhouse_report_mail has no 'to'"):
        mail_report(written)
    assert written.path.exists()
    assert inbox.mails == []


def test_a_server_that_does_not_take_the_mail_is_tried_again_and_its_words_are_not_repeated(
    inbox: Inbox, written: WeeklyReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing:
        async def handle_RCPT(self, *_: Any) -> str:  # noqa: N802  # as the library calls it
            return "550 nobody here is called canary"

    refusing = Controller(Refusing(), hostname=LOOPBACK, port=free_port())
    refusing.start()
    try:
        monkeypatch.setenv(MAIL, json.dumps(json.loads(connection_to(inbox, to="canary@example.com")) | {"port": refusing.port}))
        with pytest.raises(TryAgainLater, match=r"is written, but not mailed \(SMTPRecipientsRefused\)") as caught:
            mail_report(written)
    finally:
        refusing.stop()
    assert "canary" not in str(caught.value)
    # And one that is not there at all.
    with pytest.raises(TryAgainLater, match=r"html is written, but not mailed \(\w+\): look at the connection meterhouse_report_mail"):
        mail_report(written)
    assert written.path.exists()
    assert inbox.mails == []
