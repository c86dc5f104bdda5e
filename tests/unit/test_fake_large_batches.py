"""The large batch that somebody in the invented organization runs once a month: when, how large, and that all its parts add up."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from meterhouse.catalogue.endpoints import COMPLETIONS
from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.large_batches import large_batch_day

from .test_fake_activity import rows_of, totals

NOW = datetime(2026, 11, 29, 10, 7, 33, tzinfo=UTC)
A_DAY = timedelta(days=1)
MONTHS = [date(2026, month, 1) for month in (7, 9, 11)]
# USD per million tokens of the model, at the half price of batches, repeated here on purpose; and what usage calls them.
MODEL = "gpt-5.5-2026-04-23"
PRICES = {
    "input": ("input_text_tokens", Decimal("1.25")),
    "cached input": ("input_cached_tokens", Decimal("0.125")),
    "cache writes": ("input_cache_write_tokens", Decimal("1.5625")),
    "output": ("output_tokens", Decimal("7.5")),
}
OUTWEIGHED = (
    "another stream outweighs the large batch: if it is new in fake_openai/workloads.py, give it a smaller pace or keys at other positions,"
    " or its model a lower price in fake_openai/lineup.py"
)


@pytest.fixture(scope="module")
def organization() -> FakeOrganization:
    return FakeOrganization(NOW)


def costs(organization: FakeOrganization, day: date, *dimensions: str) -> dict[Any, Decimal]:
    """What was billed on a day, by the values of some dimensions."""
    return {key[1:]: Decimal(row["amount"]) for key, row in organization.truth("costs", day, day + A_DAY, dimensions).items()}


def caller(organization: FakeOrganization, day: date) -> tuple[str, str, str]:
    """The project, user and key whose cost rose most since the same weekday a week before."""
    names = ("project_id", "user_id", "api_key_id")
    before = costs(organization, day - 7 * A_DAY, *names)
    more = {key: cost - before.get(key, 0) for key, cost in costs(organization, day, *names).items()}
    project, user, key = max(more, key=lambda one: more[one])
    return project, user, key


def test_it_is_on_a_weekday_of_every_month_never_long_ago_and_no_rhythm() -> None:
    days = [large_batch_day(date(2024 + number // 12, number % 12 + 1, 1)) for number in range(1200)]
    assert {day.weekday() for day in days} == {0, 1, 2, 3, 4}
    assert {day.day for day in days} == {20, 21, 22, 23, 24, 25, 26}
    assert max((later - earlier).days for earlier, later in itertools.pairwise(days)) < 35
    assert not [day for day, *others in zip(days, days[1:], days[2:], strict=False) if {other.day for other in others} == {day.day}]
    assert large_batch_day(date(2026, 11, 30)) == large_batch_day(date(2026, 11, 1)) == date(2026, 11, 23)


@pytest.mark.parametrize("month", MONTHS, ids="{:%B}".format)
def test_a_person_runs_it_with_a_key_for_batches_and_the_project_costs_three_or_four_times_as_much(
    organization: FakeOrganization, month: date
) -> None:
    day = large_batch_day(month)
    project, user, key = caller(organization, day)
    assert organization.roster.projects[project].name == "Data Labelling", OUTWEIGHED
    assert organization.roster.api_keys[key].name == "batch jobs 43", OUTWEIGHED
    assert organization.roster.api_keys[key].user_id == user
    before = [costs(organization, day - weeks * 7 * A_DAY, "project_id")[(project,)] for weeks in (1, 2, 3)]
    assert 3 < costs(organization, day, "project_id")[(project,)] / sorted(before)[1] < 4.5, OUTWEIGHED


@pytest.mark.parametrize("month", MONTHS, ids="{:%B}".format)
def test_its_hours_users_and_tokens_add_up(organization: FakeOrganization, month: date) -> None:
    day = large_batch_day(month)
    project, user, key = caller(organization, day)
    hourly, daily = (totals(rows_of(organization, COMPLETIONS.name, width, day, day + A_DAY), COMPLETIONS.name) for width in ("1h", "1d"))
    assert hourly == daily
    of_users = [cost for (in_project, _), cost in costs(organization, day, "project_id", "user_id").items() if in_project == project]
    assert sum(of_users) == costs(organization, day, "project_id")[(project,)]
    assert costs(organization, day, "user_id")[(user,)] >= costs(organization, day, "api_key_id")[(key,)]
    used = organization.truth(COMPLETIONS.name, day, day + A_DAY, ("api_key_id", "model", "batch", "service_tier"))
    # What is no batch costs twice as much, in the same lines of the bill.
    batches, others = (used.get((day, key, MODEL, is_batch, "default"), {}) for is_batch in (True, False))
    billed = costs(organization, day, "api_key_id", "line_item")
    for line, (metric, price) in PRICES.items():
        tokens = Decimal(batches[metric]) + 2 * Decimal(others.get(metric, 0))
        assert billed[(key, f"{MODEL}, {line}")] == tokens * price / 1_000_000
    assert sum(Decimal(batches[metric]) * price for metric, price in PRICES.values()) / 1_000_000 > 20


def test_a_small_organization_has_one_too_if_a_person_runs_batches() -> None:
    day = large_batch_day(NOW.date()).toordinal()
    seen = set()
    for scale in (0.05, 0.2, 3):
        organization = FakeOrganization(NOW, scale=scale)
        existing = [stream for stream in organization.streams[COMPLETIONS.name] if stream.first_day <= day < stream.last_day]
        has_batches = any(stream.dimensions["batch"] and stream.payer[1] for stream in existing)
        # A stream that runs wild does nine times as much.
        larger = [lot for lot in organization.activity.lots(COMPLETIONS.name, day) if lot.leaves[0] > 15 * lot.stream.pace]
        assert len(larger) == has_batches, scale
        seen.add(has_batches)
    assert seen == {True, False}
