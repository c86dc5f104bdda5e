"""Each team's report by mail: to its own people, with its own projects and nothing of the others'; and the file that says who they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from tests.e2e.inbox import Inbox, open_inbox

from meterhouse import formats
from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.fake_openai import FakeOrganization
from meterhouse.imports.recipients import import_recipients
from meterhouse.load.directory import sync_directory
from meterhouse.orchestration.monthly_report import write_month
from meterhouse.orchestration.report_files import mail_report, recipients_of, teams_to_mail
from meterhouse.orchestration.weekly_report import write_week
from meterhouse.warehouse.access import grant_team, revoke_team

from .conftest import MakeWarehouse
from .loaded_organization import NOW, LoadedOrganization, midnight, served

MONDAY, SUNDAY, OCTOBER = date(2026, 11, 9), date(2026, 11, 15), date(2026, 10, 1)
MAIL = "AIRFLOW_CONN_METERHOUSE_REPORT_MAIL"
# Every name and identifier of some projects, in the views of everybody.
WORDS = """
SELECT DISTINCT word FROM (
    SELECT p.project_id AS word FROM bi.dim_project p WHERE (p.project_id = %(own)s) = %(is_own)s
    UNION SELECT p.project_name FROM bi.dim_project p WHERE (p.project_id = %(own)s) = %(is_own)s
    UNION SELECT u.api_key_id FROM bi.usage_daily u WHERE (u.project_id = %(own)s) = %(is_own)s
    UNION SELECT u.api_key_name FROM bi.usage_daily u WHERE (u.project_id = %(own)s) = %(is_own)s
    UNION SELECT u.user_email FROM bi.usage_daily u WHERE (u.project_id = %(own)s) = %(is_own)s
    UNION SELECT c.line_item FROM bi.costs_daily c WHERE (c.project_id = %(own)s) = %(is_own)s
    UNION SELECT u.model FROM bi.usage_daily u WHERE (u.project_id = %(own)s) = %(is_own)s
) w WHERE length(word) > 3
"""
COSTS = """
SELECT c.project_id, sum(c.cost) FROM bi.costs_daily c
WHERE c.usage_date BETWEEN %(first)s AND %(last)s GROUP BY GROUPING SETS ((c.project_id), ())
"""


@dataclass
class Team:
    """A team's role, the one project that it was granted, and the organization of that."""

    role: str
    project: str
    loaded: LoadedOrganization

    @property
    def url(self) -> str:
        return self.loaded.warehouse.loader_url

    def words(self, *, is_own: bool) -> set[str]:
        return {str(row[0]) for row in self._ask(WORDS, {"own": self.project, "is_own": is_own})}

    def costs(self, first: date, last: date) -> dict[str | None, Decimal]:
        """What every project cost, and all of them together as None."""
        return dict(self._ask(COSTS, {"first": first, "last": last}))

    def _ask(self, query: str, values: dict[str, Any]) -> list[Any]:
        with psycopg.connect(self.loaded.warehouse.reader_url) as reader:
            return reader.execute(query.encode(), values).fetchall()


@pytest.fixture(scope="module")
def loaded(make_warehouse: MakeWarehouse) -> Iterator[LoadedOrganization]:
    """Fifty days of an organization, with names; the tests only look at it."""
    with served(FakeOrganization(NOW, scale=0.2), make_warehouse()) as organization:
        organization.defaults |= {"history_start": midnight(OCTOBER), "hourly_history_days": 2}
        organization.sync().raise_first()
        sync_directory(organization.settings(), clock=organization.fake.clock.now)
        yield organization


@pytest.fixture(scope="module")
def team(loaded: LoadedOrganization) -> Iterator[Team]:
    """A team with a project that costs something, granted as an operator does it."""
    ((project, cost),) = loaded.read(
        "SELECT project_id, sum(cost) FROM bi.costs_daily WHERE project_id IS NOT NULL AND usage_date BETWEEN %s AND %s"
        " GROUP BY 1 ORDER BY 2 DESC LIMIT 1 OFFSET 1",
        [MONDAY, SUNDAY],
    )
    assert cost > 1
    role = f"team_{uuid4().hex[:8]}"
    grant_team(loaded.warehouse.owner_url, role, [project])
    yield Team(role, project, loaded)
    revoke_team(loaded.warehouse.owner_url, role)


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    """A mail server, and the connection that leads there, in the environment that a worker has."""
    with open_inbox() as opened:
        found = json.loads(opened.connections["AIRFLOW_CONN_METERHOUSE_ALERTS_MAIL"])
        found["extra"]["to"] = "boss@example.com"
        monkeypatch.setenv(MAIL, json.dumps(found))
        yield opened


def listed(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["team,mail", *lines, ""]))
    return path


def whole_text(inbox: Inbox) -> str:
    """Everything that the only mail holds: head, text and the file."""
    (mail,) = inbox.mails
    parts = [part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()]
    assert len(parts) == 2
    return "\n".join([str(mail["Subject"]), *(part.decode() for part in parts if isinstance(part, bytes))])


def test_the_mail_goes_to_the_teams_own_people_with_its_own_figures(team: Team, inbox: Inbox, tmp_path: Path) -> None:
    file = listed(tmp_path / "recipients.csv", f"{team.role},anna@example.com", f"{team.role},ben@example.com")
    import_recipients(team.loaded.settings(), file, NOW)
    assert teams_to_mail(team.url) == [team.role]
    written = write_week(team.url, MONDAY, SUNDAY, tmp_path, team=team.role)
    mail_report(written, recipients_of(team.url, team.role))
    (mail,) = inbox.mails
    assert mail["To"] == "anna@example.com, ben@example.com"
    own = team.costs(MONDAY, SUNDAY)[team.project]
    assert written.cost == {"usd": own}
    assert mail["Subject"] == f"meterhouse, {team.role}: 9\u201315 Nov 2026, {formats.money(own, 'usd')}"
    assert written.path == tmp_path / team.role / "meterhouse-2026-11-09-to-2026-11-15.html"
    page = written.path.read_text()
    assert "Only the projects that were granted to you are shown." in page
    assert "invoice" not in page.split('class="first-page"')[1].split("</section>")[0]


@pytest.mark.parametrize("kind", ["weekly", "monthly"])
def test_nothing_of_another_project_is_in_the_mail(team: Team, inbox: Inbox, tmp_path: Path, kind: str) -> None:
    first, last = (MONDAY, SUNDAY) if kind == "weekly" else (OCTOBER, date(2026, 10, 31))
    if kind == "weekly":
        mail_report(write_week(team.url, first, last, tmp_path, team=team.role), ["anna@example.com"])
    else:
        mail_report(write_month(team.url, first, tmp_path, team=team.role), ["anna@example.com"])
    text, own = whole_text(inbox), team.words(is_own=True)
    others = team.words(is_own=False) - own
    # The proof can fail: there are many strangers, and the team's own names are in the mail.
    assert len(others) > 50
    assert any(word in text for word in own)
    # A name may be part of a longer one of the team's.
    assert not {word for word in others if word in text and not any(word in mine for mine in own)}
    costs = team.costs(first, last)
    shown = formats.money(costs.pop(team.project), "usd")
    assert shown in text
    assert len(costs) > 3
    assert not {project: cost for project, cost in costs.items() if cost > 1 and formats.money(cost, "usd") in text}
    # The same report for everybody has all of that.
    inbox.mails.clear()
    mail_report(
        write_week(team.url, first, last, tmp_path) if kind == "weekly" else write_month(team.url, first, tmp_path), ["boss@x.example"]
    )
    everything = whole_text(inbox)
    assert formats.money(costs[None], "usd") in everything
    assert sum(word in everything for word in others) > 10


def test_a_role_that_nobody_lent_and_one_that_was_granted_nothing_are_refused(team: Team, tmp_path: Path) -> None:
    with pytest.raises(FixConfiguration, match="this login may not read as nobody_at_all: run meterhouse grant-team nobody_at_all"):
        write_week(team.url, MONDAY, SUNDAY, tmp_path, team="nobody_at_all")
    with pytest.raises(FixConfiguration, match="this login may not read as"):
        write_week(team.loaded.warehouse.reader_url, MONDAY, SUNDAY, tmp_path, team=team.role)
    # A superuser's role is no team.
    with pytest.raises(FixConfiguration, match="this login may not read as meterhouse_admin"):
        write_week(team.url, MONDAY, SUNDAY, tmp_path, team="meterhouse_admin")
    assert list(tmp_path.iterdir()) == []


LENT = """
SELECT pg_has_role('meterhouse_loader', r.oid, 'MEMBER'), pg_has_role('meterhouse_loader', r.oid, 'USAGE')
FROM pg_roles r WHERE r.rolname = %s
"""


def test_the_loader_is_lent_a_role_that_only_sees_projects_and_no_other(team: Team, tmp_path: Path) -> None:
    query, url = team.loaded.query, team.loaded.warehouse.superuser_url
    ((version,),) = query("SELECT current_setting('server_version_num')::integer")
    # From PostgreSQL 16 on it may become the role, and has nothing of it before.
    assert query(LENT, [team.role]) == [(True, version < 160000)]
    for make in ("CREATE ROLE {} LOGIN", "CREATE ROLE {0}; GRANT SELECT ON ops.team_access TO {0}", "CREATE ROLE {} IN ROLE pg_monitor",
                 "CREATE ROLE {} CREATEDB"):  # fmt: skip
        role = f"team_{uuid4().hex[:8]}"
        with psycopg.connect(url, autocommit=True) as superuser:
            for statement in make.format(role).split("; "):
                superuser.execute(statement.encode())
            try:
                # As a superuser, who could lend anything.
                grant_team(url, role, [team.project])
                assert query(LENT, [role])[0][0] is False, make
                with pytest.raises(FixConfiguration, match=f"reports may not be written as {role}: run meterhouse grant-team"):
                    import_recipients(team.loaded.settings(), listed(tmp_path / "recipients.csv", f"{role},anna@example.com"), NOW)
            finally:
                revoke_team(url, role)
                for statement in (f"REVOKE ALL ON ops.team_access FROM {role}", f"DROP ROLE {role}"):
                    superuser.execute(statement.encode())


def test_the_file_has_the_whole_list_and_importing_it_again_changes_nothing(team: Team, tmp_path: Path) -> None:
    settings = team.loaded.settings()
    first = listed(tmp_path / "a.csv", f"{team.role},anna@example.com", f"{team.role},ben@example.com", f"{team.role},ben@example.com")
    assert import_recipients(settings, listed(tmp_path / "none.csv", f"{team.role},zoe@example.com"), NOW)
    assert import_recipients(settings, first, NOW) == ["2 recipients (2 new, 1 removed) of 1 team: stored"]
    assert import_recipients(settings, first, NOW) == ["2 recipients (2 unchanged) of 1 team: nothing had changed"]
    second = listed(tmp_path / "b.csv", f"{team.role},ben@example.com")
    dry = import_recipients(settings, second, NOW, dry_run=True)
    assert dry == ["1 recipient (1 unchanged, 1 removed) of 1 team: nothing was stored, as this was a dry run"]
    assert recipients_of(team.url, team.role) == ["anna@example.com", "ben@example.com"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("unheard_of,anna@example.com", r"line 2: team is 'unheard_of', and these may see projects: .*: run meterhouse grant-team first"),
        ("{team},anna", "line 2: mail is 'anna': write one address"),
        ('{team},"anna@example.com, ben@example.com"', "write one address"),
        ('{team},"anna@example.com\nBcc: eve@example.com"', "write one address"),
        ("{team},Anna <anna@example.com>", "write one address"),
        ("{team},", "line 2: mail is empty: fill it in"),
    ],
)
def test_a_line_that_could_send_figures_to_somebody_else_is_refused(team: Team, tmp_path: Path, line: str, words: str) -> None:
    before = team.loaded.query("SELECT * FROM warehouse.report_recipients ORDER BY 1, 2")
    with pytest.raises(FixConfiguration, match=words):
        import_recipients(team.loaded.settings(), listed(tmp_path / "recipients.csv", line.format(team=team.role)), NOW)
    assert team.loaded.query("SELECT * FROM warehouse.report_recipients ORDER BY 1, 2") == before


def test_without_a_connection_for_mail_no_team_is_asked_for(team: Team, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import_recipients(team.loaded.settings(), listed(tmp_path / "recipients.csv", f"{team.role},anna@example.com"), NOW)
    monkeypatch.delenv(MAIL, raising=False)
    assert teams_to_mail(team.url) == []
    with pytest.raises(FixConfiguration, match="team_without has no recipients any more"):
        recipients_of(team.url, "team_without")


def test_the_month_is_waited_for_until_it_is_settled_and_then_says_what_is_not(
    loaded: LoadedOrganization, inbox: Inbox, tmp_path: Path
) -> None:
    november, url = date(2026, 11, 1), loaded.warehouse.loader_url
    with pytest.raises(TryAgainLater, match="November 2026 is not final yet: acme through 18 Nov 2026"):
        write_month(url, november, tmp_path)
    assert list(tmp_path.iterdir()) == []
    last_try = write_month(url, november, tmp_path, waits=False)
    assert "November 2026 is not final: acme through 18 Nov 2026." in last_try.path.read_text()
    assert last_try.as_dict()["is_settled"] is False
    mail_report(last_try)
    assert str(inbox.mails[-1]["Subject"]).endswith(", not final yet")
    assert "November 2026 is not final yet: acme through 18 Nov 2026." in whole_text(inbox)
    with pytest.raises(TryAgainLater, match="no costs of August 2026 are loaded yet"):
        write_month(url, date(2026, 8, 1), tmp_path)


def test_the_month_is_a_thin_file_with_its_answers_and_its_exact_total(loaded: LoadedOrganization, inbox: Inbox, tmp_path: Path) -> None:
    written = write_month(loaded.warehouse.loader_url, OCTOBER, tmp_path)
    ((cost,),) = loaded.read("SELECT sum(cost) FROM bi.costs_daily WHERE usage_date BETWEEN '2026-10-01' AND '2026-10-31'")
    assert written.as_dict() == {
        "path": str(tmp_path / "meterhouse-2026-10.html"), "month": "2026-10-01", "cost": {"usd": f"{cost:f}"}, "is_settled": True,
    }  # fmt: skip
    page = written.path.read_text()
    assert len(page) < 100_000
    assert "<script" not in page
    *answers, to_do = written.sentences
    for sentence in answers:
        assert sentence.split(" (")[0].split("'")[0] in page
    assert len(answers) == 5
    assert to_do.startswith("To do: compare the invoice of October 2026 (docs/invoices.md)")
    assert "Compare the invoice of October 2026. <small>" in page
    assert written.sentences[0].startswith(f"October 2026 cost {formats.money(cost, 'usd')} through 31 Oct 2026")
    assert "Not checked yet, no invoice compared" in written.sentences[4]
    for table in ("Projects, USD", "Models, USD"):
        assert f"<caption>{table}</caption>" in page
        total = page.split(f"<caption>{table}</caption>")[1].split("<tfoot>")[1].split("</tfoot>")[0]
        assert f'data-value="{cost:f}"' in total
    mail_report(written)
    (mail,) = inbox.mails
    assert mail["Subject"] == f"meterhouse: October 2026, {formats.money(cost, 'usd')}"
    assert mail["To"] == "boss@example.com"
