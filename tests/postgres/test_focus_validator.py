"""The FinOps Foundation's validator on an exported month: make focus-test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meterhouse.export import Selection, export_view

from .focus_validator import allowed, failed
from .loaded_organization import LoadedOrganization
from .test_focus import billed  # noqa: F401  # the month

PROGRAM = os.environ.get("METERHOUSE_FOCUS_VALIDATOR", "")
needs_validator = pytest.mark.skipif(not PROGRAM, reason="METERHOUSE_FOCUS_VALIDATOR names no validator: run make focus-test")


def test_every_rule_that_may_fail_has_a_reason() -> None:
    assert len(allowed()) > 20
    assert all(len(why) > 15 for why in allowed().values())


@pytest.mark.focus
@needs_validator
def test_the_validator_finds_nothing_that_is_not_explained(billed: LoadedOrganization, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "focus.csv"
    export_view(billed.warehouse.reader_url, "focus_costs", "csv", path, Selection(), raw=True, is_focus=True)
    rules, passed = failed(PROGRAM, path)
    assert rules <= set(allowed()), f"not in docs/focus.md: {sorted(rules - set(allowed()))}"
    assert passed > 200, "it skipped what it was to look at"
    # What no longer fails is no longer excused.
    assert set(allowed()) <= rules, f"in docs/focus.md, and passes: {sorted(set(allowed()) - rules)}"
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(path.read_text().replace(",USD,", ",usd,"))
    rules, _ = failed(PROGRAM, wrong)
    assert {rule.partition("-")[0] for rule in rules - set(allowed())} >= {"BillingCurrency"}
