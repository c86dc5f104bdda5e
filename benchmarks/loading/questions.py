"""The reading benchmark, as the last part: every usual question on a large organization, which is made when it is not there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .figures import Answer
from .processes import ROOT

SEED = 7


def asked(home: Path, rows: int) -> tuple[Answer, ...]:
    """Return the median of each question on a warm server. The organization stays in `home` for the next time."""
    place, report = home / f"large-{rows}", home / "reading.json"
    scripts = ROOT / "benchmarks"
    make = [sys.executable, scripts / "large_organization.py", "--home", place, "--rows", str(rows), "--seed", str(SEED)]
    for command in (
        make,
        [*make[:4], "--upgrade"],
        [sys.executable, scripts / "reading.py", "--home", place, "--json", report, "--no-pages"],
    ):
        subprocess.run(command, check=True, cwd=ROOT)  # noqa: S603 - scripts of this checkout
    questions = json.loads(report.read_text())["questions"]
    return tuple(Answer(one["name"], round(one["median_seconds"] or one["first_seconds"], 4)) for one in questions)
