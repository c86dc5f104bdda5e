"""The public columns are an API: since the last release they were only added to, and CHANGELOG names every view that changed.

A release rewrites the golden file with `as_text(public_columns(url), version)`.
"""

from __future__ import annotations

import re

import pytest
from tests.bi.public_columns import ROOT, Columns, public_columns, released
from tests.conftest import Warehouse

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
REMEDY = "give it a row in CHANGELOG.md under Unreleased"


def unreleased() -> dict[str, str]:
    """What CHANGELOG says of each view since the last release: view -> breaking, yes or no."""
    section = re.split(r"^## ", CHANGELOG, flags=re.MULTILINE)[1]
    assert section.startswith("Unreleased")
    rows = re.findall(r"^\| (.+?) \| .+ \| (yes|no) \|$", section, re.MULTILINE)
    return {view: breaking for cell, breaking in rows for view in re.findall(r"`bi\.([a-z_]+)`", cell)}


def changes(before: Columns, now: Columns) -> tuple[set[str], list[str]]:
    """The views that differ, and each change that is no append, in words."""
    breaking = [f"bi.{view} is gone" for view in before if view not in now]
    for view, columns in before.items():
        for position, (old, new) in enumerate(zip(columns, now.get(view, columns), strict=False), start=1):
            if old != new:
                breaking.append(f"column {position} of bi.{view} was {' '.join(old)} and is {' '.join(new)}")
        if view in now and len(now[view]) < len(columns):
            breaking.append(f"bi.{view} lost its last columns: {', '.join(name for name, _ in columns[len(now[view]) :])}")
    return {view for view in before.keys() | now.keys() if before.get(view) != now.get(view)}, breaking


@pytest.fixture(scope="module")
def now(module_warehouse: Warehouse) -> Columns:
    return public_columns(module_warehouse.owner_url)


def test_a_column_was_only_ever_added_at_the_end_unless_the_changelog_calls_it_breaking(now: Columns) -> None:
    said = unreleased()
    unsaid = [change for change in changes(released()[1], now)[1] if said.get(re.findall(r"bi\.([a-z_]+)", change)[0]) != "yes"]
    assert unsaid == [], f"people's dashboards break: undo it, or {REMEDY} and call it breaking"


def test_every_view_that_is_new_or_changed_since_the_release_is_in_the_changelog(now: Columns) -> None:
    assert changes(released()[1], now)[0] - set(unreleased()) == set(), REMEDY


def test_the_golden_file_is_of_the_newest_version_that_was_released() -> None:
    assert re.findall(r"^## ([0-9.]+)$", CHANGELOG, re.MULTILINE)[0] == released()[0], "write the golden file of the release"


BEFORE: Columns = {"v": [("a", "date"), ("b", "bigint")], "w": [("a", "date")]}


@pytest.mark.parametrize(
    ("after", "differing", "words"),
    [
        (BEFORE, set(), []),
        (BEFORE | {"w": [("a", "date"), ("c", "date")]}, {"w"}, []),
        (BEFORE | {"x": [("a", "date")]}, {"x"}, []),
        (BEFORE | {"v": [("b", "bigint"), ("a", "date")]}, {"v"}, ["column 1 of bi.v was a date and is b bigint", "column 2 of bi.v was"]),
        (BEFORE | {"v": [("a", "date"), ("b", "integer")]}, {"v"}, ["column 2 of bi.v was b bigint and is b integer"]),
        (BEFORE | {"v": [("a", "date")]}, {"v"}, ["bi.v lost its last columns: b"]),
        ({"v": BEFORE["v"]}, {"w"}, ["bi.w is gone"]),
    ],
    ids=["none", "appended", "new", "moved", "retyped", "cut", "gone"],
)
def test_each_kind_of_change_is_seen(after: Columns, differing: set[str], words: list[str]) -> None:
    found, breaking = changes(BEFORE, after)
    assert found == differing
    assert len(breaking) == len(words)
    assert all(said.startswith(word) for said, word in zip(breaking, words, strict=True))
