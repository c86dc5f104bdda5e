"""One page of the dashboard in a browser, as the tests look at it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.sections import SECTIONS

KEYS = [key for _, _, keys in SECTIONS for key in keys]
SLOW_MS = 30_000
SAVED = """() => document.querySelector('#savings-picture .main-svg')
  || document.querySelector('#panel-savings .empty:not([hidden])')?.textContent.startsWith('Prices are not') === false"""


class Visit:
    """One page of the dashboard, where it has been and what it complained of."""

    def __init__(self, page: Page, address: str, filters: Filters) -> None:
        self.page = page
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        expect.set_options(timeout=SLOW_MS)
        page.set_default_timeout(SLOW_MS)
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("console", lambda message: self.complaints.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(f"{address}/?{filters.to_query()}")
        page.wait_for_selector("#first-paint", state="detached")

    def total(self, key: str) -> str:
        return self.page.locator(f"#{key}-total").inner_text()

    def keeps(self, choice: str) -> None:
        """Wait until the address holds a choice: the page writes it after it has shown the figures."""
        expect(self.page).to_have_url(re.compile(re.escape(choice)))

    def table(self, key: str) -> list[list[str]]:
        """The exact cells of the table under a chart: its heading, its rows, its total."""
        details = self.page.locator(f"#{key}-table")
        if details.get_attribute("open") is None:
            details.locator("summary").click()
        wanted = details.get_attribute("data-src")
        self.page.wait_for_selector(f'#{key}-table .slot[data-of="{wanted}"] table')
        tables = details.locator("table").evaluate_all(
            "all => all.map(one => [...one.rows].map(row => [...row.cells].map(cell => cell.dataset.value ?? cell.textContent)))"
        )
        # A table of many columns comes in several, each with the headings of the rows.
        return [[*first, *(cell for row in rest for cell in row[1:])] for first, *rest in zip(*tables, strict=True)]

    def choose(self, name: str, text: str) -> None:
        """Tick one member of a drop-down."""
        self.page.click(f"#{name}")
        self.page.get_by_role("option", name=text, exact=True).click()
        self.page.keyboard.press("Escape")

    def drawn(self) -> None:
        """Wait until every chart is drawn, and not only its first picture; what was saved comes last and of its own accord."""
        self.page.wait_for_function("() => performance.getEntriesByName('meterhouse-drawn').length > 0")
        self.page.wait_for_function(SAVED)
