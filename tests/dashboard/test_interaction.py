"""What a reader does with the page: choosing by a click, drilling down and back, sorting and searching tables, and looking for a driver."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, Page, expect
from tests.conftest import Warehouse
from tests.postgres.loaded_organization import rows

from meterhouse.formats import money

from .conftest import EVERYTHING, FIRST, LAST
from .visit import Visit

SPAN = f"usage_date BETWEEN '{FIRST}' AND '{LAST}'"


@pytest.fixture(scope="module")
def visit(browser: Browser, dashboard: str) -> Iterator[Visit]:
    """The page with every chart drawn; each test leaves nothing chosen."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    found = Visit(context.new_page(), dashboard, EVERYTHING)
    found.drawn()
    yield found
    context.close()


def cost(warehouse: Warehouse, where: str) -> str:
    """What SQL says was billed."""
    return money(rows(warehouse.superuser_url, f"SELECT sum(cost_usd) FROM bi.costs_daily WHERE {SPAN} AND {where}")[0][0], "usd")


def column(page: Page, key: str, place: int) -> list[str]:
    """The shown cells of a table's column, as exact as they are."""
    cells = page.locator(f"#{key}-table tbody tr:visible").locator(f":nth-child({place + 1})")
    return list(cells.evaluate_all("all => all.filter(one => /T[DH]/.test(one.tagName)).map(one => one.dataset.value ?? one.textContent)"))


def test_the_first_row_answers_before_anything_is_chosen(visit: Visit) -> None:
    names = visit.page.locator(".answer dt").all_inner_texts()
    labels = ["Month to date", "Forecast", "Largest driver", "Unusual days", "Can I rely on this?"]
    assert [name.split(" for ")[0] for name in names] == labels
    assert visit.page.locator("#answer-month_to_date").inner_text().startswith("$")
    expect(visit.page.locator(".answers")).to_contain_text("through 18 Nov 2026")
    expect(visit.page.locator("#answer-trust")).to_have_text("Not yet: not checked, no invoice compared")
    box = visit.page.locator(".answers").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 450, "the first row is seen without scrolling"


def test_a_row_filters_then_a_bar_within_it_and_the_way_back_leads_to_everything(visit: Visit, loaded: Warehouse) -> None:
    page = visit.page
    visit.table("cost_by_project")
    row = page.locator("#cost_by_project-table tr[data-pick]").first
    project = (row.get_attribute("data-pick") or "").removeprefix("projects:")
    row.locator(".pick").click()
    expect(page.locator("#cost_by_project-total")).to_have_text(cost(loaded, f"project_id = '{project}'"))
    expect(page.locator("#trail")).to_contain_text("Project: ")
    visit.keeps(f"projects={project}")
    # Its models, and their keys.
    # A chart above it that is drawn later would move it from under the pointer.
    expect(page.locator("#figures .picture[aria-busy]")).to_have_count(0)
    # Plotly takes clicks on a sheet above its bars; the first bar begins at its left edge.
    page.locator("#requests_by_model-graph .nsewdrag").hover(position={"x": 5, "y": 30})
    # A click is of the bar that the pointer was found to be over.
    expect(page.locator("#requests_by_model-graph .hovertext")).to_have_count(1)
    page.locator("#requests_by_model-graph .nsewdrag").click(position={"x": 5, "y": 30})
    expect(page.locator("#trail")).to_contain_text("Model: ")
    visit.keeps("models=")
    model = re.search(r"models=([^&]+)", page.url)
    assert model is not None
    expect(page.locator("#cost_by_api_key-total")).to_have_text(cost(loaded, f"project_id = '{project}' AND model = '{model[1]}'"))
    for left in (1, 0):
        page.locator("#trail button").last.click()
        expect(page.locator("#trail button")).to_have_count(left)
    expect(page.locator("#cost_by_project-total")).to_have_text(cost(loaded, "true"))
    assert visit.complaints == []


def test_a_day_is_chosen_by_its_bar_and_the_button_of_the_days_is_pressed(visit: Visit, loaded: Warehouse) -> None:
    page = visit.page
    visit.table("cost_per_day")
    page.locator("#cost_per_day-table .pick", has_text="10 Nov 2026").click()
    expect(page.locator("#cost_per_day-total")).to_have_text(cost(loaded, "usage_date = '2026-11-10'"))
    expect(page.locator(".presets [aria-pressed=true]")).to_have_count(0)
    page.click("#days-30")
    expect(page.locator("#days-30")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".presets [aria-pressed=true]")).to_have_count(1)


def test_tables_sort_by_what_cells_hold_and_search_leaves_rows_out(visit: Visit) -> None:
    page = visit.page
    visit.table("cost_by_line_item")
    heading = page.locator("#cost_by_line_item-table thead th").nth(1)
    for order in ("descending", "ascending"):
        heading.locator("button").click()
        expect(heading).to_have_attribute("aria-sort", order)
        amounts = [float(text) for text in column(page, "cost_by_line_item", 1)]
        assert len(amounts) > 12
        assert amounts == sorted(amounts, reverse=order == "descending")
    name = page.locator("#cost_by_line_item-table thead th").first
    name.locator("button").click()
    names = column(page, "cost_by_line_item", 0)
    assert names == sorted(names, key=str.lower) or name.get_attribute("aria-sort") == "ascending"
    field = page.get_by_role("searchbox", name="Search in the table of Cost by line item")
    field.fill("OUTPUT")
    expect(page.locator("#cost_by_line_item-table .tools")).to_contain_text(re.compile(r"\d+ of \d+ rows"))
    left = column(page, "cost_by_line_item", 0)
    assert left == [one for one in names if "output" in one.lower()]
    assert not page.locator("#cost_by_line_item-table tfoot").is_visible(), "the total is that of all rows"
    field.fill("")
    assert column(page, "cost_by_line_item", 0) == names
    before = page.locator("#cost_by_line_item-table .slot").bounding_box()
    page.locator("#cost_by_line_item-table").get_by_role("button", name="All rows").click()
    after = page.locator("#cost_by_line_item-table .slot").bounding_box()
    assert before is not None
    assert after is not None
    assert after["height"] > before["height"]


def test_the_drivers_turn_to_another_comparison_and_dimension_and_the_address_keeps_it(visit: Visit) -> None:
    page = visit.page
    page.locator("#by").get_by_text("API key", exact=True).click()
    expect(page.locator("#drivers-title")).to_have_text("What changed, by API key")
    page.locator("#compare").get_by_text("Week", exact=True).click()
    expect(page.locator("#panel-drivers .about")).to_contain_text("The last seven final days compared with the seven before.")
    visit.keeps("compare=week")
    visit.keeps("by=api_key")
    page.locator("#compare").get_by_text("Month to date", exact=True).click()
    page.locator("#by").get_by_text("Project", exact=True).click()
    expect(page.locator("#drivers-title")).to_have_text("What changed, by project")
    heading, *body, foot = visit.table("drivers")
    for place in range(1, len(heading)):
        assert abs(sum(float(row[place]) for row in body) - float(foot[place])) < 1e-6
    for row in body:
        assert abs(sum(float(cell) for cell in row[4:]) - float(row[1])) < 1e-6, "the parts add up to the change"


def test_files_carry_ids(dashboard: str, loaded: Warehouse) -> None:
    known = {
        "cost_by_project": ("project_id", "project_id"), "cost_by_api_key": ("api_key_id", "api_key_id"),
        "usage_by_user": ("user_id", "user_id"),
    }  # fmt: skip
    for key, (name, column_name) in known.items():
        answer = requests.get(f"{dashboard}/csv/{key}?{EVERYTHING.to_query()}", timeout=20)
        lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        view = "usage_daily" if key.startswith("usage") else "costs_daily"
        wanted = rows(loaded.superuser_url, f"SELECT DISTINCT {column_name} FROM bi.{view} WHERE {SPAN}")
        assert {line[name] for line in lines} == {one or "" for (one,) in wanted}, key


def test_the_contents_lead_to_every_section_and_the_words_are_explained(visit: Visit) -> None:
    page = visit.page
    places = page.locator(".contents a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert len(places) == 7
    for place in places:
        assert page.locator(place).count() == 1, place
    for link in page.locator(".answer dt a").evaluate_all("all => all.map(one => one.getAttribute('href'))"):
        assert page.locator(link).count() == 1, link
    expect(page.locator(".words")).to_contain_text("Invoices are compared with it.")
