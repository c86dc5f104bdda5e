"""Takes the pictures of the dashboard in docs/images again: python -m tests.docs.screenshots. The organization is the stand-in's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from playwright.sync_api import Browser, sync_playwright
from tests.e2e.browser import FLAGS, PROGRAM

from meterhouse.labels import DEMO_LABEL
from meterhouse.local.postgres import temporary_postgres
from meterhouse.ports import free_port

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
SIZES = {"wide": (1440, 2400), "phone": (390, 1900)}


@contextmanager
def running(*words: str, environment: dict[str, str]) -> Iterator[str]:
    """Run one of our commands; yield the first line that it says."""
    process = subprocess.Popen([sys.executable, "-m", "meterhouse", *words], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield process.stdout.readline()
    finally:
        process.terminate()
        process.wait(20)


def take(browser: Browser, address: str) -> None:
    """Take every size in both colours."""
    for name, (width, height) in SIZES.items():
        for colours in ("light", "dark"):
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=colours)
            page.goto(address)
            page.wait_for_selector("#first-paint", state="detached", timeout=60_000)
            page.wait_for_selector("#requests_over_time-graph .main-svg", state="attached", timeout=60_000)
            page.wait_for_timeout(4000)
            page.screenshot(path=IMAGES / f"dashboard-{name}-{colours}.png", clip={"x": 0, "y": 0, "width": width, "height": height})
            page.close()


def main() -> None:
    """Load the invented organization into a server of its own and look at it."""
    with tempfile.TemporaryDirectory() as home, temporary_postgres() as server:
        environment = {"PATH": os.environ["PATH"], "METERHOUSE_HOME": home, "WAREHOUSE_URL": server.url()}
        with running("fake-api", "--port", str(free_port()), environment=environment) as said:
            environment |= dict(re.findall(r"(OPENAI_\w+)=(\S+)", said))
            for command in ("migrate", "sync", "check"):
                subprocess.run([sys.executable, "-m", "meterhouse", command], env=environment, check=True)
        # As make up calls it: only then does the page say that its figures are invented.
        with psycopg.connect(server.url()) as owner:
            owner.execute("UPDATE warehouse.dim_organization SET label = %s", (DEMO_LABEL,))
        port = str(free_port())
        with running("dashboard", "--port", port, environment=environment), sync_playwright() as browsers:
            browser = browsers.chromium.launch(executable_path=PROGRAM, args=FLAGS)
            take(browser, f"http://127.0.0.1:{port}/")
            browser.close()


if __name__ == "__main__":
    main()
