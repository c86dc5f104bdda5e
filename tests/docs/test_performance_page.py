"""The page about performance is the one that the kept figures make: nobody types into it."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.loading.figures import Figures
from benchmarks.loading.page import written

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "benchmarks" / "performance.json"


def test_the_page_is_made_of_the_figures() -> None:
    assert (ROOT / "docs" / "performance.md").read_text() == written(Figures.read(FIGURES))


def test_the_figures_name_no_path_and_no_machine() -> None:
    assert not re.search(r"/(home|tmp|var|work|root)\b|https?:", FIGURES.read_text())
