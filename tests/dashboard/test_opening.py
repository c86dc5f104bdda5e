"""How the page opens: figures and pictures before any script, filters before the chart library, at each width, and with nothing to show."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Route, expect
from tests.conftest import Warehouse
from tests.postgres.loaded_organization import rows

from meterhouse.dashboard.charts import all_charts
from meterhouse.dashboard.page import SAVINGS
from meterhouse.dashboard.queries import Reader

from .asked import billed
from .conftest import EVERYTHING, started
from .visit import KEYS, Visit


def test_the_pictures_and_figures_are_in_the_page_before_any_script_runs(browser: Browser, dashboard: str, loaded: Warehouse) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{dashboard}/?{EVERYTHING.to_query()}")
    expect(page.locator("#first-paint .card-cost .value")).to_have_text(billed(loaded))
    # Savings are there only if somebody has had them looked up before.
    others = page.locator("#first-paint .panel").filter(has_not=page.locator("h3", has_text=re.compile("^Savings$")))
    assert others.locator("svg.middle").count() == sum(
        1 for chart in all_charts(Reader(loaded.reader_url).snapshot(EVERYTHING)) if not chart.empty and chart.key != SAVINGS
    )
    context.close()


def test_the_filters_work_and_pictures_are_shown_before_the_chart_library_has_loaded(browser: Browser, dashboard: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/plotly.min.js", hold)
    visit = Visit(page, dashboard, EVERYTHING)
    for key in KEYS:
        # Its prices are looked up after the page has come.
        assert key == SAVINGS or page.locator(f"#{key}-picture > svg:visible").count() == 1, key
    page.click("#projects")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Escape")
    while not held:
        page.wait_for_timeout(50)
    expect(page.locator(".main-svg")).to_have_count(0)
    expect(page.locator("#cost_per_day-picture > svg.broad")).to_be_visible()
    held[0].continue_()
    visit.drawn()
    assert page.locator(".picture > .drawn").count() == 0, "a picture stands behind the chart that took its place"
    assert visit.complaints == []
    page.close()
    visit = Visit(browser.new_page(viewport={"width": 1440, "height": 900}), dashboard, EVERYTHING)
    visit.drawn()
    # Shown with -rP; nothing is held to it, since it depends on the machine.
    told = visit.page.evaluate("() => performance.getEntriesByType('mark').map(one => `${one.name} ${Math.round(one.startTime)} ms`)")
    sys.stdout.write(", ".join(told) + " after navigation\n")
    visit.page.close()


def test_charts_are_drawn_where_the_picture_of_the_page_could_not_be_made(browser: Browser, dashboard: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    # As when the warehouse did not answer in time.
    page.route(re.compile(r"/\?first="), lambda route: route.fulfill(body=route.fetch().text().replace('id="first-paint"', "hidden")))
    page.goto(f"{dashboard}/?{EVERYTHING.to_query()}")
    for key in KEYS:
        page.wait_for_selector(f"#{key}-graph .main-svg", state="attached")
    expect(page.locator("#first-paint")).to_have_count(0)
    page.close()


def test_long_names_stay_in_their_panels_at_every_width(browser: Browser, dashboard: str, loaded: Warehouse) -> None:
    long = "An unusually long name of a project that somebody chose to describe all of its purpose without a single abbreviation " * 2
    before = rows(loaded.superuser_url, "SELECT project_name, project_id, valid_from FROM warehouse.dim_project")
    rows(loaded.superuser_url, f"UPDATE warehouse.dim_project SET project_name = left('{long}', 200) || project_id")
    rows(loaded.superuser_url, "UPDATE ops.watermarks SET updated_at = updated_at + interval '1 second'")
    try:
        for width in (1440, 768, 390):
            page = browser.new_page(viewport={"width": width, "height": 900})
            Visit(page, dashboard, EVERYTHING).drawn()
            assert page.evaluate("() => document.documentElement.scrollWidth") == width
            wide = page.evaluate(
                "() => [...document.querySelectorAll('.panel, .card, .filters')]"
                ".filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.id)"
            )
            assert wide == [], width
            page.close()
    finally:
        for kept in before:
            rows(
                loaded.superuser_url,
                "UPDATE warehouse.dim_project SET project_name = %s WHERE project_id = %s AND valid_from = %s",
                kept,
            )
        rows(loaded.superuser_url, "UPDATE ops.watermarks SET updated_at = updated_at + interval '1 second'")


def test_a_warehouse_with_nothing_in_it_says_so(browser: Browser, warehouse: Warehouse, tmp_path: Path) -> None:
    with started(warehouse.reader_url, tmp_path) as address:
        visit = Visit(browser.new_page(viewport={"width": 1440, "height": 900}), address, EVERYTHING)
        visit.drawn()
        expect(visit.page.locator("#notices")).to_contain_text("Nothing is loaded yet")
        assert {visit.total(key) for key in KEYS} == {"—"}
        assert visit.complaints == []
        visit.page.close()


def test_without_a_warehouse_the_page_says_so(browser: Browser, dashboard: str) -> None:
    far = replace(EVERYTHING, first=date(2020, 1, 1), last=date(2020, 1, 1) + timedelta(days=3))
    visit = Visit(browser.new_page(), dashboard, far)
    assert visit.total("cost_per_day") == "—"
    expect(visit.page.locator("#panel-cost_per_day .empty")).to_contain_text("None of the 4 days are loaded.")
    visit.page.close()
