"""How often the rule for odd days is wrong on invented years: within its bounds, and as docs/answers.md says."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.anomaly_rates import PROJECTS, detection, false_alarms, report

PAGE = Path(__file__).resolve().parents[2] / "docs" / "answers.md"


@pytest.mark.soak
def test_clean_years_have_few_false_alarms_tripled_days_are_found_and_the_page_says_so() -> None:
    alarms, shares = dict(false_alarms()), dict(detection())
    of_projects = {what: rate for what, rate in alarms.items() if what.startswith(f"{PROJECTS} projects")}
    assert len(of_projects) == 4
    assert max(of_projects.values()) < 0.2
    # At most two in twenty years of projects.
    assert max(rate for what, rate in of_projects.items() if "grow" not in what) * PROJECTS <= 2
    assert [rate for what, rate in alarms.items() if what.startswith("their organization")] == [0, 0, 0]
    assert shares["one day, any weekday, times 3"] >= 0.95
    assert report(alarms, shares) in PAGE.read_text()
