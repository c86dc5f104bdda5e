"""The dashboard in a real browser: every chart with data, totals that are SQL's, tables and files that agree, nothing from outside."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Browser, Page, expect
from tests.conftest import Warehouse
from tests.postgres.loaded_organization import rows

from meterhouse.dashboard.queries import Reader
from meterhouse.formats import money

from .asked import asked_for, billed
from .conftest import EVERYTHING, FIRST, LAST, add_up
from .visit import KEYS, Visit

COSTS = [
    "cost_per_day", "cost_over_time_by_model", "cost_by_project", "cost_by_line_item", "cost_by_category", "cost_by_api_key",
    "cost_by_user",
]  # fmt: skip


@pytest.fixture(scope="module")
def visit(browser: Browser, dashboard: str) -> Iterator[Visit]:
    """The page as it opens, on a wide screen; the tests of this module use it in their order."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    yield Visit(context.new_page(), dashboard, EVERYTHING)
    context.close()


def test_every_chart_is_drawn_with_data_and_words_and_its_total_is_that_of_sql(visit: Visit, loaded: Warehouse) -> None:
    for key in KEYS:
        visit.page.wait_for_selector(f"#{key}-graph .main-svg", state="attached")
        marks = visit.page.locator(f"#{key}-graph").locator(".bars .point path, .scatterlayer .js-line, .pielayer .slice")
        assert marks.count() >= 1, key
        assert re.match(r".+ Total .+", visit.page.locator(f"#{key}-picture").get_attribute("aria-label") or ""), key
    assert {visit.total(key) for key in COSTS} == {billed(loaded)}
    assert {visit.total(key) for key in ("requests_over_time", "requests_by_model", "requests_by_project")} == {asked_for(loaded)}
    assert visit.page.locator("#card-cost").inner_text() == billed(loaded)
    assert visit.page.locator("#panel-requests_by_model .legend b").count() >= 6
    assert visit.page.locator("#panel-requests_by_project .legend").inner_text().count("%") >= 3
    expect(visit.page.locator("#notices")).to_contain_text("Not final yet: costs of 19\u201320 Nov 2026 and usage of 20 Nov 2026.")
    freshness = visit.page.locator("#freshness")
    expect(freshness).to_contain_text("Costs read 20 Nov 2026, 12:09 UTC; final through 18 Nov 2026")
    expect(freshness).to_contain_text("Usage read 20 Nov 2026, 12:09 UTC; final through 19 Nov 2026")
    expect(visit.page.locator(".card-cost")).to_contain_text("30 days: 28 final, 2 not final")


def test_the_table_under_every_chart_adds_up_to_the_shown_total_and_the_csv_holds_the_same(visit: Visit, dashboard: str) -> None:
    for key in KEYS:
        heading, *body, foot = visit.table(key)
        tables = visit.page.locator(f"#{key}-table table")
        assert tables.locator("th[scope=row]").count() == (len(body) + 1) * tables.count()
        link = visit.page.locator(f"#{key}-csv").get_attribute("href")
        answer = requests.get(f"{dashboard}{link}", timeout=20)
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="meterhouse-')
        first, *lines = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
        # The file has ids at the end of its lines where a table has names.
        assert first[: len(heading)] == heading, key
        assert [name for name in first[len(heading) :] if not name.endswith("_id")] == [], key
        numbers = [
            index
            for index, name in enumerate(heading)
            if index and name not in {"share", "cached share", "batch share", "complete", "invoice", "state", "cost centre"}
        ]
        assert [[line[index] for index in numbers] for line in lines] == [[row[index] for index in numbers] for row in body], key
        for index in numbers:
            assert sum(Decimal(row[index]) for row in body if row[index]) == Decimal(foot[index] or 0), (key, heading[index])
        exact = Decimal(foot[heading.index("tokens") if key in {"tokens_over_time", "usage_by_api_key", "usage_by_user"} else 1])
        assert (money(exact, "usd") if "$" in visit.total(key) else f"{exact:,}") in visit.total(key).replace("+", ""), key


def test_a_click_downloads_the_file(visit: Visit) -> None:
    with visit.page.expect_download() as started:
        visit.page.click("#cost_by_project-csv")
    assert started.value.suggested_filename == f"meterhouse-cost-by-project-{FIRST}-to-{LAST}.csv"
    assert started.value.path().read_text(encoding="utf-8-sig").startswith('project,"cost, usd",share')


def test_each_filter_changes_the_totals_to_what_sql_says(visit: Visit, loaded: Warehouse) -> None:
    names = Reader(loaded.reader_url).snapshot(EVERYTHING)
    page = visit.page
    conditions = []
    for filter_name, column in (
        ("organizations", "organization"),
        ("projects", "project_id"),
        ("models", "model"),
        ("api_keys", "api_key_id"),
    ):
        where = " AND ".join(["true", *conditions])
        found = rows(
            loaded.superuser_url,
            f"SELECT {column} FROM bi.usage_daily WHERE usage_date BETWEEN '{FIRST}' AND '{LAST}' AND {where} AND {column} IS NOT NULL"
            " AND model IS NOT NULL AND endpoint = 'completions'"
            " GROUP BY 1 ORDER BY count(DISTINCT api_key_id) DESC, sum(requests) LIMIT 1",
        )
        before = visit.total("requests_over_time")
        visit.choose(filter_name, names.names(filter_name)[found[0][0]])
        conditions.append(f"{column} = '{found[0][0]}'")
        where = " AND ".join(conditions)
        expect(page.locator("#requests_over_time-total")).to_have_text(asked_for(loaded, where))
        assert asked_for(loaded, where) != before, filter_name
        expect(page.locator("#cost_by_project-total")).to_have_text(billed(loaded, where))
        visit.keeps(column.split("_")[0])
    # A table that is open follows.
    assert visit.table("cost_by_project")[-1][1] == visit.table("cost_per_day")[-1][1]
    page.reload()
    page.wait_for_selector("#first-paint", state="detached")
    expect(page.locator("#requests_over_time-total")).to_have_text(asked_for(loaded, where))


def test_a_user_the_width_of_a_bucket_and_the_days_are_filters_too(browser: Browser, dashboard: str, loaded: Warehouse) -> None:
    visit = Visit(browser.new_page(viewport={"width": 1440, "height": 900}), dashboard, EVERYTHING)
    page = visit.page
    page.locator("#width").get_by_text("Hour", exact=True).click()
    hours = rows(
        loaded.superuser_url,
        f"SELECT sum(requests) FROM bi.usage_hourly WHERE usage_date BETWEEN '{FIRST}' AND '{LAST}' AND endpoint <> 'web_search_calls'",
    )
    expect(page.locator("#requests_over_time-total")).to_have_text(f"{hours[0][0]:,} requests of the loaded hours")
    expect(page.locator("#requests_by_model-total")).to_have_text(asked_for(loaded))
    expect(page.locator("#panel-requests_over_time .legend")).to_contain_text("not loaded")
    expect(page.locator("#requests_over_time-title")).to_have_text("Requests per hour")
    expect(page.locator("#notices")).to_contain_text("Loaded for usage: 61 of 720 hours, from 18 Nov 2026, 00:00 UTC")
    page.locator("#width").get_by_text("Day", exact=True).click()
    page.locator("#first-day").fill("2 Nov 2026")
    page.locator("#first-day").press("Enter")
    expect(page.locator("#requests_over_time-total")).to_have_text(asked_for(loaded, "usage_date >= '2026-11-02'"))
    page.keyboard.press("Escape")
    user = rows(
        loaded.superuser_url, "SELECT user_id FROM bi.usage_daily WHERE user_id IS NOT NULL GROUP BY 1 ORDER BY sum(requests) DESC LIMIT 1"
    )
    visit.choose("users", Reader(loaded.reader_url).snapshot(EVERYTHING).names("users")[user[0][0]])
    where = f"usage_date >= '2026-11-02' AND user_id = '{user[0][0]}'"
    expect(page.locator("#requests_over_time-total")).to_have_text(asked_for(loaded, where))
    theirs = rows(loaded.superuser_url, f"SELECT sum(cost_usd) FROM bi.cost_allocation_daily WHERE is_complete AND {where}")
    expect(page.locator("#cost_per_day-total")).to_have_text(money(theirs[0][0], "usd"))
    expect(page.locator("#notices")).to_contain_text("They are known for final days only")
    assert visit.complaints == []
    page.close()


def test_nothing_left_the_machine_and_the_browser_had_nothing_to_complain_of(visit: Visit, dashboard: str) -> None:
    assert visit.hosts == {urlsplit(dashboard).netloc}
    assert visit.complaints == []


def test_the_keyboard_reaches_every_control_and_its_focus_is_seen(browser: Browser, dashboard: str) -> None:
    visit = Visit(browser.new_page(viewport={"width": 1440, "height": 900}), dashboard, EVERYTHING)
    page, reached = visit.page, set()
    for step in range(90):
        page.keyboard.press("Tab")
        told = page.evaluate(
            "() => { const e = document.activeElement; const box = e.closest('#refresh, #theme, #width, #currency, details');"
            " const o = getComputedStyle(e.closest('label') ?? e); return [e.id || box?.id || e.className, o.outlineStyle, e.tagName]; }"
        )
        if told[2] == "BODY":
            break
        reached.add(told[0])
        assert told[1] != "none", f"the focus on {told[0]} cannot be seen (step {step})"
    wanted = {"skip", "refresh", "theme", "first-day", "last-day", "days-7", "last-month", "width"}
    wanted |= {"organizations", "projects", "models", "api_keys", "users"}
    wanted |= {f"{key}-{part}" for key in KEYS for part in ("table", "csv")}
    assert wanted <= reached
    page.focus("#projects")
    page.keyboard.press("Enter")
    expect(page.get_by_role("listbox").last).to_be_visible()
    page.keyboard.press("Escape")
    page.focus("#cost_per_day-table summary")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Table of Cost per day")).to_be_visible()
    for name in ("Key figures", "Filters", "Trend", "Who spent what", "Does it match the invoice?"):
        expect(page.get_by_role("region", name=name)).to_be_visible()
    for name in ("Organization", "Project", "Model", "API key", "User"):
        expect(page.get_by_role("group", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^Cost per day. Total")).first).to_be_visible()
    page.close()


def test_dark_comes_from_the_system_or_from_the_switch_and_a_phone_needs_no_sideways_scrolling(browser: Browser, dashboard: str) -> None:
    def ground(page: Page) -> str:
        return str(page.evaluate("() => getComputedStyle(document.body).backgroundColor"))

    dark = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    visit = Visit(dark.new_page(), dashboard, EVERYTHING)
    assert ground(visit.page) == "rgb(14, 17, 22)"
    assert visit.page.evaluate("() => document.documentElement.scrollWidth") == 390
    assert not visit.page.locator("#projects").is_visible()
    visit.page.click("#more")
    assert visit.page.locator("#projects").is_visible()
    visit.page.get_by_text("Light", exact=True).click()
    assert ground(visit.page) == "rgb(245, 246, 248)"
    visit.page.reload()
    visit.page.wait_for_selector("#first-paint", state="detached")
    assert ground(visit.page) == "rgb(245, 246, 248)"
    dark.close()


def test_a_load_shows_up_without_a_reload(browser: Browser, dashboard: str, loaded: Warehouse) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.clock.install()
    page.goto(f"{dashboard}/?{EVERYTHING.to_query()}")
    for _ in range(30):
        page.clock.run_for(1000)
        if page.locator("#first-paint").count() == 0:
            break
    before = page.locator("#cost_per_day-total").inner_text()
    change = (
        "UPDATE warehouse.costs SET amount = amount {} 1000 WHERE bucket_start = '2026-11-10Z'"
        " AND group_id = (SELECT min(group_id) FROM warehouse.costs WHERE bucket_start = '2026-11-10Z')"
    )
    touch = "UPDATE ops.watermarks SET updated_at = updated_at + interval '1 second'"
    rows(loaded.superuser_url, change.format("+"))
    add_up(loaded)
    rows(loaded.superuser_url, touch)
    try:
        for _ in range(4):
            page.clock.run_for(61_000)
        expect(page.locator("#cost_per_day-total")).to_have_text(billed(loaded))
        assert billed(loaded) != before
    finally:
        rows(loaded.superuser_url, change.format("-"))
        add_up(loaded)
        rows(loaded.superuser_url, touch)
        context.close()


def test_other_names_for_this_machine_and_nonsense_are_refused(dashboard: str) -> None:
    assert requests.get(dashboard, headers={"Host": "evil.example"}, timeout=10).status_code == 403
    assert requests.get(f"{dashboard}/csv/cost_per_day?first=yesterday", timeout=10).status_code == 400
    assert requests.get(f"{dashboard}/csv/nothing", timeout=10).status_code == 404
    policy = requests.get(dashboard, timeout=10).headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
