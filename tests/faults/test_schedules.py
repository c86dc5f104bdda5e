"""Any order of loads, faults, crashes and changes of the source leaves the warehouse equal to the source."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from .conftest import MakePlace
from .kill_points import Moment
from .schedules import Place, Schedules, require_all_kinds, shown

FEW = 120
BATCH = 100
MANY = int(os.environ.get("METERHOUSE_SOAK_SCHEDULES", "3000"))


def walk(place: Place, number: int, steps: int, *, is_random: bool) -> None:
    """Run a number of schedules, each with a limited number of steps."""
    machine = type("Machine", (Schedules,), {"place": place})
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=number, stateful_step_count=steps, deadline=None, derandomize=not is_random, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.mark.fault(72, 74, 76, 77, 78, 80, 83, 84)
def test_short_schedules(make_place: MakePlace) -> None:
    place = make_place(("web_search_calls",), 0.1)
    walk(place, FEW, 4, is_random=False)
    # A few schedules need not come to every moment: test_kills does.
    require_all_kinds(place.counted, cuts=4)


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
@pytest.mark.parametrize(
    ("endpoints", "number", "rests_between"),
    [(("web_search_calls",), MANY, False), (("web_search_calls", "vector_stores", "costs"), MANY // 20, True)],
    ids=["one stream", "three streams"],
)
def test_thousands_of_schedules(
    make_place: MakePlace, capsys: pytest.CaptureFixture[str], endpoints: tuple[str, ...], number: int, rests_between: bool
) -> None:
    place = make_place(endpoints, 0.1)
    place.rests_between, place.sums_every = rests_between, 1 if rests_between else 5
    for done in range(0, number, BATCH):
        walk(place, min(BATCH, number - done), 10, is_random=True)
        with capsys.disabled():
            sys.stdout.write("\n".join(["", f"schedules of {', '.join(endpoints)}:", *shown(place.counted)]) + "\n")
    # In a hundred and fifty a rare moment, such as between two pages, may not come.
    require_all_kinds(place.counted, cuts=len(Moment) if number == MANY else 5)
