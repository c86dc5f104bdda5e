"""The reading benchmark, as the last part: every usual question and the page, on a large organization that is made when it is not there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .figures import Answer
from .processes import ROOT

SEED = 7
# What reading.py gives up after.
NOT_ANSWERED_SECONDS = 120.0
# A line that only adds up others.
SUM = ": all statements"


def asked(home: Path, rows: int) -> tuple[tuple[Answer, ...], tuple[Answer, ...]]:
    """Return the medians on a warm server, of questions and of the dashboard's page. The organization stays in `home` for the next time."""
    place, report = home / f"large-{rows}", home / "reading.json"
    make, ask = ([sys.executable, f"benchmarks/{name}.py", "--home", f"{place}"] for name in ("large_organization", "reading"))
    commands: list[list[str]] = [[*make, "--rows", str(rows), "--seed", str(SEED)], [*make, "--upgrade"], [*ask, "--json", str(report)]]
    for command in commands:
        _run(command)
    return read(json.loads(report.read_text()))


def _run(command: list[str]) -> None:
    script = subprocess.Popen(command, cwd=ROOT)  # noqa: S603 - a script of this checkout
    try:
        status = script.wait()
    except BaseException:
        # It has a server to stop, which it does when it is interrupted.
        script.send_signal(signal.SIGINT)
        script.wait()
        raise
    if status:
        raise subprocess.CalledProcessError(status, command)


def read(report: Mapping[str, Any]) -> tuple[tuple[Answer, ...], tuple[Answer, ...]]:
    """Return the questions and the pages of a report of reading.py."""
    questions, pages = (
        tuple(
            Answer(one["name"], round(one["median_seconds"] or one["first_seconds"] or NOT_ANSWERED_SECONDS, 4))
            for one in report[part]
            if not one["name"].endswith(SUM)
        )
        for part in ("questions", "pages")
    )
    return questions, pages
