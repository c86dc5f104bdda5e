"""The first row: six questions are answered on the first screen of a desk and of a phone, in words that are the same everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import EVERYTHING
from .visit import Visit

DESK, PHONE = (1440, 900), (390, 844)
KEYS = ("month_to_date", "forecast", "driver", "odd_days", "trust")
SIZE = "one => parseFloat(getComputedStyle(one).fontSize)"


def opened(browser: Browser, dashboard: str, size: tuple[int, int]) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    yield Visit(page, dashboard, EVERYTHING).page
    page.close()


@pytest.fixture(scope="module")
def desk(browser: Browser, dashboard: str) -> Iterator[Page]:
    """The page on a desk; no test leaves anything chosen."""
    yield from opened(browser, dashboard, DESK)


@pytest.fixture(scope="module")
def phone(browser: Browser, dashboard: str) -> Iterator[Page]:
    """The page on a phone; no test leaves anything chosen."""
    yield from opened(browser, dashboard, PHONE)


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_every_answer_and_what_is_to_be_done_is_on_the_first_screen(request: pytest.FixtureRequest, size: str) -> None:
    page: Page = request.getfixturevalue(size)
    for key in KEYS:
        expect(page.locator(f"#answer-{key}")).to_be_in_viewport(ratio=1)
    expect(page.locator("#to-do")).to_be_in_viewport(ratio=1)
    expect(page.locator("#to-do")).to_have_text(
        re.compile(r"^To do: look into .*compare the invoice of October 2026 \(acme and labs\);.* set a budget")
    )


def test_a_phone_shows_them_before_any_script_runs(browser: Browser, dashboard: str) -> None:
    context = browser.new_context(viewport={"width": PHONE[0], "height": PHONE[1]}, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{dashboard}/?{EVERYTHING.to_query()}")
    expect(page.locator("#first-paint .answer")).to_have_count(len(KEYS))
    for place in range(len(KEYS)):
        expect(page.locator("#first-paint .answer").nth(place)).to_be_in_viewport(ratio=1)
    expect(page.locator("#first-paint .to-do")).to_be_in_viewport(ratio=1)
    context.close()


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_no_figure_of_the_second_row_is_larger_than_those_of_the_first(request: pytest.FixtureRequest, size: str) -> None:
    page: Page = request.getfixturevalue(size)
    first = page.locator("#answer-month_to_date")
    assert page.locator("#card-cost").evaluate(SIZE) <= first.evaluate(SIZE)
    boxes = [page.locator(selector).first.bounding_box() for selector in (".answer", ".card-cost")]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[1]["width"] <= boxes[0]["width"]


def test_what_is_to_be_done_opens_into_how(desk: Page) -> None:
    line = desk.locator("#to-do summary")
    expect(desk.locator("#to-do li").first).not_to_be_visible()
    line.click()
    budget = re.compile(r"^Set a budget\. .+ meterhouse budgets import\. See docs/budgets\.md\.$")
    expect(desk.locator("#to-do li").last).to_have_text(budget)
    expect(desk.locator("#to-do li").last.locator("code")).to_have_text("meterhouse budgets import")
    expect(desk.locator("#to-do li", has_text="Compare the invoice")).to_contain_text("See docs/invoices.md.")
    line.click()
    expect(desk.locator("#to-do li").first).not_to_be_visible()


def test_the_row_says_which_filters_it_follows_and_of_what_it_is(browser: Browser, dashboard: str) -> None:
    page = browser.new_page(viewport={"width": DESK[0], "height": DESK[1]})
    visit = Visit(page, dashboard, EVERYTHING)
    scope = page.locator("#answers .scope")
    expect(scope).to_have_text(
        re.compile(
            "^The answers above always show the current month, whichever days are chosen. They follow the filters for organization"
            " and project; “"
        )
    )
    before = page.locator("#answer-month_to_date").inner_text()
    visit.choose("models", "gpt-4.1")
    expect(scope).to_have_text(re.compile("^These answers are of everything that is loaded: they do not follow the filter for model."))
    expect(page.locator("#answer-month_to_date")).to_have_text(before)
    page.close()


def test_days_percentages_and_switches_read_the_same_everywhere(desk: Page) -> None:
    expect(desk.locator("#first-day")).to_have_value("22 Oct 2026")
    body = desk.locator("#react-entry-point")
    # Names of models have days in them.
    expect(body).not_to_contain_text(re.compile(r"(?<![\w.-])20\d\d-\d\d-\d\d"))
    expect(body).not_to_contain_text(re.compile(r"\d %"))
    expect(body).not_to_contain_text(re.compile(r"\b(?:odd day|[Ss]ettl(?:ed|ing) (?:through|day|yet)|against|Bucket width)\b"))
    for name, choices in (("Colours", ["System", "Light", "Dark"]), ("Group by", ["Day", "Hour"])):
        group = desk.get_by_role("radiogroup", name=name)
        expect(group.get_by_role("radio")).to_have_count(len(choices))
        for choice in choices:
            expect(group.get_by_role("radio", name=choice, exact=True)).to_have_count(1)
