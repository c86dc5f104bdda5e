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
    make, ask = ([sys.executable, f"benchmarks/{name}.py", "--home", f"{place}"] for name in ("large_organization", "reading"))
    commands: list[list[str]] = [
        [*make, "--rows", str(rows), "--seed", str(SEED)],
        [*make, "--upgrade"],
        [*ask, "--json", str(report), "--no-pages"],
    ]
    for command in commands:
        subprocess.run(command, check=True, cwd=ROOT)  # noqa: S603 - scripts of this checkout
    questions = json.loads(report.read_text())["questions"]
    return tuple(Answer(one["name"], round(one["median_seconds"] or one["first_seconds"], 4)) for one in questions)
