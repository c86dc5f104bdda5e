"""What one stack has that others have not, and DAG files whose tasks are tried again after seconds."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import meterhouse

DAGS = Path(__file__).parents[2] / "dags"
BACKFILL = "openai_backfill"
FIRST_DAGS = ("openai_directory", "openai_costs", "openai_usage", BACKFILL)
RETRY_DELAY_SECONDS = 5


@dataclass(frozen=True)
class Variation:
    """What a stack has that others have not."""

    # Variables of the shell that starts it, and of Airflow's own processes.
    outer: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    # DAG files in addition to ours, and words to replace in ours.
    more_dags: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, str] = field(default_factory=dict)
    # Python modules that Airflow's processes find before all others.
    modules: Mapping[str, str] = field(default_factory=dict)
    # How far the vendor's clock is behind this machine's.
    behind: timedelta = timedelta()


def impatient_dags(folder: Path, variation: Variation) -> Path:
    """A copy of the DAG files in which a task is tried again after seconds instead of minutes, and nothing else differs."""
    folder.mkdir()
    replaced = 0
    for file in DAGS.glob("*.py"):
        soon = rf"\1timedelta(seconds={RETRY_DELAY_SECONDS})"
        text, count = re.subn(r"(\bretry_delay(?:=|\": ))timedelta\(minutes=\d+\)", soon, file.read_text())
        for old, new in variation.changes.items():
            text = text.replace(old, new)
        (folder / file.name).write_text(text)
        replaced += count
    for name, text in variation.more_dags.items():
        (folder / name).write_text(text)
    assert replaced >= len(FIRST_DAGS)
    return folder


def modules(folder: Path, variation: Variation) -> dict[str, str]:
    """The variables by which each component calls its host by its own name, as it would in a container, and finds the test's modules."""
    folder.mkdir()
    (folder / "test_host.py").write_text("import os\n\n\ndef name():\n    return os.environ['METERHOUSE_TEST_HOST']\n")
    for name, text in variation.modules.items():
        (folder / name).write_text(text)
    package = Path(meterhouse.__file__).resolve().parents[1]
    return {"AIRFLOW__CORE__HOSTNAME_CALLABLE": "test_host.name", "PYTHONPATH": f"{folder}{os.pathsep}{package}"}
