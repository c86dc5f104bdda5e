"""Printing: a page as a PDF, by the Chromium or Chrome that is installed here; nothing is downloaded, and the browser gets no network."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from meterhouse.errors import FixConfiguration, TryAgainLater

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge")
_IN_FOLDERS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
_SECONDS = 120
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-pdf-header-footer",
    # The page loads nothing; the browser should not either.
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
NONE = "no browser is installed that can write a PDF: install Chromium or Chrome, or write HTML (--out report.html) and print that"


def browser() -> Path:
    """Return the browser that prints. Raises `FixConfiguration` if there is none."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    found = found or next((path for path in _IN_FOLDERS if os.access(path, os.X_OK)), None)
    if found is None:
        raise FixConfiguration(NONE)
    return Path(found)


def to_pdf(page: str) -> bytes:
    """Return a page of HTML as PDF, on the paper that its styles name.

    Raises `FixConfiguration` without a browser, and `TryAgainLater` for one that does not write the file.
    """
    program = browser()
    with tempfile.TemporaryDirectory(prefix="meterhouse-print-") as folder:
        source, target = Path(folder) / "page.html", Path(folder) / "page.pdf"
        source.write_text(page)
        # A browser refuses to sandbox itself as root; the page has no scripts.
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [str(program), *_FLAGS, *sandbox, f"--user-data-dir={folder}/profile", f"--print-to-pdf={target}", source.as_uri()]
        # No secret of this process is the browser's business.
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": folder, "LANG": "C.UTF-8"}
        try:
            done = subprocess.run(command, env=environment, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603  # a browser, with flags made here
        except subprocess.TimeoutExpired:
            raise TryAgainLater(f"{program} did not write the PDF within {_SECONDS} seconds: try again, or write HTML") from None
        except OSError as error:
            raise FixConfiguration(f"{program} cannot be started ({error.strerror}): install Chromium or Chrome, or write HTML") from None
        if not target.is_file() or not (content := target.read_bytes()).startswith(b"%PDF-"):
            raise TryAgainLater(f"{program} ended with status {done.returncode} and wrote no PDF: try again, or write HTML and print that")
        return content
