"""Targets, bounds and the page: what figures come out as, good and bad ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from benchmarks.loading.commands import FIRST_REQUEST, HELP, STATUS
from benchmarks.loading.contenders import OURS, PEERS_IN_ORDER
from benchmarks.loading.demo import AGAIN, FIRST_SYNC, sums_seconds
from benchmarks.loading.figures import CHANGED, FIRST, PASSES, SAME, Answer, Command, Figures, Floor, Machine, Pass, State, Sync, Wait
from benchmarks.loading.missed import reasons
from benchmarks.loading.overlap import FETCHER, LOADER
from benchmarks.loading.page import written
from benchmarks.loading.questions import NOT_ANSWERED_SECONDS, read
from benchmarks.loading.small import beyond
from benchmarks.loading.states import AT_ONCE
from benchmarks.loading.targets import TARGETS, to_first

MACHINE = Machine(2, 24, "Linux x86_64", "3.11.7", "0.1.0")
OUR_SECONDS = {FIRST: 1.0, SAME: 0.2, CHANGED: 0.7}
GOOD = Figures(
    MACHINE,
    "18.6",
    200_000,
    20,
    {"peers": date(2026, 11, 28), "overlap": date(2026, 11, 28)},
    peers={"dlt": "1.31.0"},
    passes=(
        *(Pass(OURS, what, seconds + 0.4, seconds, 90, 1.0) for what, seconds in OUR_SECONDS.items()),
        *(Pass(peer.name, what, 20, 19, 300, 900) for peer in PEERS_IN_ORDER for what in PASSES),
    ),
    short_passes=(Pass(OURS, FIRST, 0.6, 0.4, 85, 300),),
    floors=(Floor(0.2, 0.4, 200_000),),
    bytes_per_row=140.0,
    states=(State("18.6", AT_ONCE, 1.0, 1.0),),
    waits=(Wait(LOADER, 0, 1.0), Wait(LOADER, 100, 2.1), Wait(FETCHER, 0, 0.2), Wait(FETCHER, 100, 2.0)),
    syncs=(Sync(FIRST_SYNC, 20, 10, 8, 1), Sync(AGAIN, 4, 3, 0.5, 0.1)),
    commands=(Command(HELP, 0.05), Command(STATUS, 0.3), Command(FIRST_REQUEST, 0.4)),
    answers=(Answer("cost per day", 0.05),),
    paints=(Answer("first paint, year", 0.6), Answer("all charts drawn, year", 2.0)),
    reading_rows=4_000_000,
)
BAD = replace(
    GOOD,
    passes=tuple(replace(one, work_seconds=5.0, seconds=50.0, peak_megabytes=200, wal_bytes_per_row=90) for one in GOOD.passes),
    short_passes=(Pass(OURS, FIRST, 0.6, 0.4, 85, 300),),
    bytes_per_row=300.0,
    states=(State("15.18", AT_ONCE, 9.0, 1.0),),
    waits=(Wait(LOADER, 0, 1.0), Wait(LOADER, 100, 4.0), Wait(FETCHER, 0, 0.2), Wait(FETCHER, 100, 2.0)),
    syncs=(Sync(FIRST_SYNC, 20, 10, 8, 6), Sync(AGAIN, 9, 3, 0.5, 0.1)),
    commands=tuple(replace(one, seconds=3.0) for one in GOOD.commands),
    answers=(Answer("cost per day", 5.0),),
    paints=(Answer("first paint, year", 1.6),),
)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.what)
def test_every_target_is_met_missed_or_not_measured(target) -> None:
    assert target.met(GOOD) == "yes"
    assert target.met(BAD) == "no"
    nothing = Figures(MACHINE, "18.6", 200_000, 20)
    assert (target.met(nothing), target.measured(nothing)) == ("-", "not measured")


def test_the_page_says_why_each_missed_target_is_missed() -> None:
    assert set(reasons()) <= {target.what for target in TARGETS}
    for target in TARGETS:
        assert f"- **{target.what}**: " in written(BAD)
        assert f"- **{target.what}**: " not in written(GOOD)


def test_a_state_that_came_to_no_end_misses_the_target() -> None:
    endless = replace(GOOD, states=(State("18.6", AT_ONCE, None, 1.0),))
    assert (TARGETS[0].measured(endless), TARGETS[0].met(endless)) == ("not finished in time", "no")
    assert "not finished in time |" in written(endless)


def test_medians_are_what_counts() -> None:
    passes = [Pass(OURS, FIRST, seconds, seconds, 90, 300) for seconds in (1.0, 100.0, 1.2)]
    assert replace(GOOD, passes=tuple(passes)).median(OURS, FIRST, "seconds") == 1.2


def with_pass(what: str, **figures: float) -> Figures:
    """The good figures with one pass of ours changed."""
    return replace(GOOD, passes=tuple(replace(one, **figures) if (one.who, one.what) == (OURS, what) else one for one in GOOD.passes))


def test_ratios_are_those_inside_a_round() -> None:
    quick, slow = Pass(OURS, FIRST, 1.0, 1.0, 90, 300), Pass(OURS, FIRST, 10.0, 10.0, 90, 300)
    again = [replace(one, what=SAME, work_seconds=one.work_seconds * share) for one, share in ((quick, 0.2), (slow, 0.3), (slow, 0.25))]
    figures = replace(GOOD, passes=(quick, again[0], slow, again[1], slow, again[2]))
    assert to_first(SAME)(figures) == pytest.approx(0.25)


def test_good_ratios_are_within_every_bound() -> None:
    assert list(beyond(GOOD)) == []


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (with_pass(SAME, work_seconds=0.8), "same window unchanged, to the first load: 0.80, at most 0.7"),
        (with_pass(CHANGED, work_seconds=2.5), "5 % changed, to the first load: 2.50, at most 2"),
        (with_pass(SAME, wal_bytes_per_row=90), "bytes of WAL a row of an unchanged window: 90.00, at most 12"),
        (replace(GOOD, floors=(Floor(0.03, 0.03, 200_000),)), "first load, to the floor: 16.67, at most 15"),
        (replace(GOOD, states=(State("18.6", AT_ONCE, 4.0, 1.0),)), f"{AT_ONCE}: on other statistics, to fresh ones: 4.00, at most 3"),
    ],
)
def test_each_bad_ratio_has_its_line(figures: Figures, words: str) -> None:
    assert list(beyond(figures)) == [f"too slow: {words}"]


def test_what_came_to_no_end_is_beyond_its_bound() -> None:
    (line,) = beyond(replace(GOOD, states=(State("18.6", AT_ONCE, None, 1.0),)))
    assert "not measured in time" in line


def test_a_part_that_was_not_measured_keeps_its_earlier_figures(tmp_path: Path) -> None:
    GOOD.write(tmp_path / "figures.json")
    earlier = Figures.read(tmp_path / "figures.json")
    assert earlier == GOOD
    today = {"overlap": date(2026, 11, 29)}
    found = Figures(MACHINE, "18.7", 200_000, 20, today, waits=(Wait(LOADER, 0, 7.0),)).over(earlier)
    assert (found.server, found.waits) == ("18.7", (Wait(LOADER, 0, 7.0),))
    assert found.measured_on == {"peers": date(2026, 11, 28), "overlap": date(2026, 11, 29)}
    assert "Measured (peers: 2026-11-28; overlap: 2026-11-29) on 2 cores" in written(found)
    assert "Measured (2026-11-28) on 2 cores" in written(earlier)
    assert (found.passes, found.states, found.bytes_per_row) == (GOOD.passes, GOOD.states, GOOD.bytes_per_row)


def test_the_page_shows_every_target_peer_and_state() -> None:
    text = written(GOOD)
    for words in (*(target.what for target in TARGETS), *(peer.name.replace("|", r"\|") for peer in PEERS_IN_ORDER), AT_ONCE):
        assert f"| {words} |" in text
    assert "14.3" in text  # 20 s of a peer's to 1.4 of ours
    columns = {line.replace(r"\|", "").count("|") for line in text.splitlines() if line.startswith(("| dlt", "| Singer"))}
    assert columns == {10}


LOG = """\
2026-11-20 12:00:00.000 UTC [7] LOG:  duration: 250.000 ms  execute <unnamed>: INSERT INTO warehouse.usage_completions
\tSELECT 1
2026-11-20 12:00:01.000 UTC [7] LOG:  duration: 1500.500 ms  statement: WITH fresh AS (SELECT 1)
\tINSERT INTO "warehouse"."rollup_usage_by_model"
\tSELECT * FROM fresh
2026-11-20 12:00:02.000 UTC [7] LOG:  duration: 0.500 ms  bind s1: DELETE FROM "warehouse"."rollup_costs_by_project"
2026-11-20 12:00:03.000 UTC [7] LOG:  duration: 700.000 ms  statement: WITH gone AS (DELETE FROM warehouse.rollup_cost_allocation)
\tSELECT c.amount FROM warehouse.rollup_costs_by_line_item c
"""


def test_the_seconds_of_totals_are_those_of_statements_that_keep_them_and_not_of_those_that_read_them() -> None:
    assert sums_seconds(LOG) == pytest.approx(1.501)


def test_a_question_without_an_answer_is_the_slowest_and_sums_of_others_are_none() -> None:
    times = [("quick", 0.5, 0.1), ("slow", 11.0, None), ("too slow", None, None), ("year: all statements", 3.0, 3.0)]
    report = {"questions": [{"name": name, "first_seconds": first, "median_seconds": later} for name, first, later in times], "pages": []}
    assert read(report) == ((Answer("quick", 0.1), Answer("slow", 11.0), Answer("too slow", NOT_ANSWERED_SECONDS)), ())
