"""The Airflow UI as a person uses it, in a headless Chromium of the system's packages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Request, expect, sync_playwright

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# No sandbox, because tests may run as root; the rest keeps the browser itself off the network.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
SLOW_MS = 60_000


class AirflowUi:
    """One browser page, and where it has been."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.hosts: set[str] = set()
        page.set_default_timeout(SLOW_MS)
        expect.set_options(timeout=SLOW_MS)
        page.on("request", self._note)

    def _note(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https"}:
            self.hosts.add(parts.netloc)

    def log_in(self, user: str, password: str) -> None:
        """Log in by the form, as a new user does."""
        self.page.goto(self.address)
        self.page.fill("input[name=username]", user)
        self.page.fill("input[name=password]", password)
        self.page.click("button[type=submit]")
        self.page.wait_for_url(lambda url: "login" not in url)

    def open(self, path: str) -> None:
        """Go to a page of the UI."""
        self.page.goto(self.address + path)

    def run(self, dag: str, run: str) -> str:
        """Return the path of a run's page."""
        return f"/dags/{quote(dag)}/runs/{quote(run, safe='')}"

    def trigger_form(self, dag: str) -> Locator:
        """Open the form that starts a DAG."""
        self.open(f"/dags/{dag}")
        self.page.get_by_role("button", name="Trigger").first.click()
        form = self.page.get_by_role("dialog").filter(has_text="Trigger Dag")
        expect(form).to_be_visible()
        return form

    def row(self, text: str) -> Locator:
        """Return the table row one of whose cells holds just this text."""
        return self.page.get_by_role("row").filter(has=self.page.get_by_role("cell", name=text, exact=True))


@contextmanager
def airflow_ui(address: str) -> Iterator[AirflowUi]:
    """Open a browser, wide enough for a screenshot; skips when there is none on this machine."""
    if PROGRAM is None:
        pytest.skip("Chromium is not installed (on Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=FLAGS)
        try:
            yield AirflowUi(browser.new_page(viewport={"width": 1400, "height": 860}), address)
        finally:
            browser.close()
