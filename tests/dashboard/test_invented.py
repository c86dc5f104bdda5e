"""Invented figures say so wherever they are read: on the page, in its title, in files, on paper and in the weekly mail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from playwright.sync_api import Browser, expect
from tests.conftest import Server, Warehouse
from tests.postgres.loaded_organization import NOW, fresh_warehouse, midnight, rows, served

from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.report_file import write_report
from meterhouse.fake_openai import FakeOrganization
from meterhouse.labels import DEMO_LABEL
from meterhouse.orchestration.weekly_report import write_week

from .conftest import report_command, started
from .paper import printed
from .visit import Visit

MONDAY, SUNDAY = date(2026, 11, 9), date(2026, 11, 15)
BOTH = Filters(MONDAY, SUNDAY)
INVENTED, REAL = replace(BOTH, organizations=(DEMO_LABEL,)), replace(BOTH, organizations=("acme",))
ALL_OF_IT = "Invented data (demo organization), not from a bill."
SOME_OF_IT = (
    "Invented data: these totals add invented figures of the demo organization to real ones. Leave it out with the organization filter of "
    "the dashboard, or remove it with the command meterhouse purge --organization demo."
)
SHOWN = {INVENTED: ALL_OF_IT, BOTH: SOME_OF_IT, REAL: ""}
TITLES = {ALL_OF_IT: "Invented data: ", SOME_OF_IT: "Partly invented data: ", "": ""}


@pytest.fixture(scope="module")
def trial(server: Server, template: str) -> Iterator[Warehouse]:
    """A warehouse with an organization of somebody's, and the demo that was tried before it."""
    with fresh_warehouse(server, template, f"trial_{uuid4().hex[:12]}") as warehouse:
        for label, seed in (("acme", 7), (DEMO_LABEL, 11)):
            with served(FakeOrganization(NOW, scale=0.1, seed=seed), warehouse, label) as organization:
                organization.defaults |= {"history_start": midnight(date(2026, 11, 6)), "hourly_history_days": 2}
                organization.sync().raise_first()
        yield warehouse


@pytest.fixture(scope="module")
def address(trial: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard over it."""
    with started(trial.reader_url, tmp_path_factory.mktemp("dashboard")) as found:
        yield found


def test_the_page_its_title_and_the_names_of_its_files_say_so_and_follow_the_filter(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    visit = Visit(page, address, BOTH)
    strip = page.locator("#invented")
    expect(strip).to_have_text(SOME_OF_IT)
    expect(page).to_have_title("Partly invented data: meterhouse")
    box = strip.bounding_box()
    assert box is not None
    assert box["y"] < 30 < box["height"], "it stands first"
    name = "meterhouse-{}cost-per-day-2026-11-09-to-2026-11-15.csv"
    for filters, mark in ((INVENTED, "invented-data-"), (BOTH, "partly-invented-data-"), (REAL, "")):
        answer = requests.get(f"{address}/csv/cost_per_day?{filters.to_query()}", timeout=20)
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name.format(mark)}"'
        assert answer.content.decode("utf-8-sig").startswith('day,"cost, usd"'), "a reader of CSV finds headings in the first line"
    page.click("#more")
    visit.choose("organizations", "acme")
    expect(strip).to_have_text("")
    expect(page).to_have_title("meterhouse")
    page.click("#organizations")
    page.get_by_role("option", name="acme", exact=True).click()
    page.get_by_role("option", name=DEMO_LABEL, exact=True).click()
    expect(strip).to_have_text(ALL_OF_IT)
    expect(page).to_have_title("Invented data: meterhouse")
    page.close()


@pytest.mark.parametrize("filters", SHOWN, ids=["invented", "both", "real"])
def test_the_page_says_so_before_any_script_runs(browser: Browser, address: str, filters: Filters) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/?{filters.to_query()}")
    assert page.locator("#first-paint .invented").all_inner_texts() == ([SHOWN[filters]] if SHOWN[filters] else [])
    context.close()


def test_a_project_of_the_real_organization_is_not_called_invented(trial: Warehouse) -> None:
    reader = Reader(trial.reader_url)
    project = "SELECT project_id FROM bi.costs_daily WHERE organization = %s AND project_id IS NOT NULL ORDER BY cost DESC LIMIT 1"
    for organization, is_demo in (("acme", False), (DEMO_LABEL, True)):
        (chosen,) = rows(trial.superuser_url, project, [organization])[0]
        found = reader.snapshot(replace(BOTH, projects=(chosen,))).organizations
        assert [(one.organization, one.is_demo) for one in found] == [(organization, is_demo)]
    user = "SELECT user_id FROM bi.usage_daily WHERE organization = 'acme' AND user_id IS NOT NULL AND usage_date = '2026-11-10' LIMIT 1"
    found = reader.snapshot(replace(BOTH, users=rows(trial.superuser_url, user)[0])).organizations
    assert [one.organization for one in found] == ["acme"]


@pytest.mark.parametrize("filters", SHOWN, ids=["invented", "both", "real"])
def test_the_report_says_so_first_in_its_title_and_on_every_sheet(
    browser: Browser, trial: Warehouse, tmp_path: Path, filters: Filters
) -> None:
    out = tmp_path / "report.html"
    write_report(trial.reader_url, filters, out)
    page = browser.new_page()
    page.goto(out.as_uri())
    text = SHOWN[filters]
    expect(page).to_have_title(f"{TITLES[text]}OpenAI usage and billed cost, 9\u201315 Nov 2026")
    assert page.locator(".page > :first-child").inner_text().startswith(text or "meterhouse")
    sheets = printed(page, tmp_path)
    page.close()
    marked = {line.sheet for line in sheets.lines if line.text == "Holds invented data: not from a bill" and line.top < 60}
    assert marked == (set(range(len(sheets.pixels))) if text else set())
    on_first = " ".join(line.text for line in sheets.lines if line.sheet == 0)
    assert (text in on_first) is True
    assert ("Filters: Organization" in on_first) is (filters is not BOTH)
    assert "invented" in on_first if text else "invented" not in on_first


def test_the_command_and_the_weekly_mail_say_so(trial: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    done = report_command(trial.reader_url, tmp_path, "--out", str(out), "--from", str(MONDAY), "--to", str(SUNDAY))
    assert done.returncode == 0, done.stderr
    assert SOME_OF_IT in out.read_text()
    subject, text = write_week(trial.reader_url, MONDAY, SUNDAY, tmp_path).mail()
    assert subject.startswith("Partly invented data: meterhouse: 9\u201315 Nov 2026")
    assert text.startswith(SOME_OF_IT)
