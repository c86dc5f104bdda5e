"""The rule that spreads an amount: exact to the last digit, less than a unit from the exact share, in any order and of either sign."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from importlib import resources
from random import Random

import psycopg
import pytest
from tests.conftest import Warehouse

from .largest_remainder import UNIT, shares

CASES = 20_000
Case = tuple[Decimal, dict[tuple[str, ...], Decimal]]
Parts = dict[tuple[int, str, str], Decimal]


def sql(name: str) -> bytes:
    return resources.files("meterhouse.warehouse").joinpath("sql", "allocation", f"{name}.sql").read_bytes()


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(warehouse.loader_url) as connection:
        yield connection


def random_case(draw: Random) -> Case:
    """An amount from a unit to a thousand, of either sign; weights from nothing to beyond a bigint, many of them equal, some fractions."""
    units = draw.randrange(10 ** draw.randrange(1, 16))
    largest = 10 ** draw.choice((0, 1, 3, 9, 20))
    weights = {}
    for _ in range(draw.choice((1, 2, 3, 5, 8, 40))):
        weight = Decimal(draw.randrange(largest + 1))
        weights[(f"user{draw.randrange(60):02}", f"key{draw.randrange(60):02}")] = weight / 8 if draw.random() < 0.1 else weight
    if not any(weights.values()):
        weights[("user99", "key99")] = Decimal(1)
    return units * UNIT * draw.choice((1, 1, -1)), weights


def spread(connection: psycopg.Connection[tuple[object, ...]], cases: list[Case], draw: Random) -> Parts:
    """What the SQL makes of the cases, whose rows come in any order."""
    rows = [(number, *name, weight) for number, (_, weights) in enumerate(cases, 1) for name, weight in weights.items()]
    draw.shuffle(rows)
    with connection.transaction(force_rollback=True):
        connection.execute(sql("tables"))
        with connection.cursor().copy(b"COPY allocation_piece (is_billed_by_user, usage_date, cost) FROM STDIN") as copy:
            for cost, _ in cases:
                copy.write_row((False, "2026-10-01", cost))
        with connection.cursor().copy(b"COPY allocation_share (piece_id, user_id, api_key_id, weight, basis) FROM STDIN") as copy:
            for row in rows:
                copy.write_row((*row, "line"))
        connection.execute(sql("spread"))
        # Again: pieces that have parts keep them.
        connection.execute(sql("spread"))
        found = connection.execute("SELECT piece_id, user_id, api_key_id, cost FROM allocation_part").fetchall()
    assert len(found) == len({row[:3] for row in found})
    return {(int(str(piece)), str(user), str(key)): Decimal(str(cost)) for piece, user, key, cost in found}


def test_twenty_thousand_random_amounts_are_spread_to_the_last_digit(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    draw = Random("allocation")  # noqa: S311  # cases, and no secrets
    cases = [random_case(draw) for _ in range(CASES)]
    found = spread(connection, cases, draw)
    by_case: dict[int, dict[tuple[str, ...], Decimal]] = {}
    for (number, user, key), cost in found.items():
        by_case.setdefault(number, {})[user, key] = cost
    for number, (cost, weights) in enumerate(cases, 1):
        parts = by_case[number]
        assert sum(parts.values()) == cost
        assert parts.keys() == {name for name, weight in weights.items() if weight}
        total = sum(map(Fraction, weights.values()))
        assert all(abs(Fraction(part) - Fraction(cost) * Fraction(weights[name]) / total) < Fraction(UNIT) for name, part in parts.items())
        assert parts == shares(cost, weights)
    few = cases[: CASES // 10]
    first = {place: cost for place, cost in found.items() if place[0] <= len(few)}
    assert spread(connection, few, draw) == first
    mirrored = spread(connection, [(-cost, weights) for cost, weights in few], draw)
    assert mirrored == {place: -cost for place, cost in first.items()}


@pytest.mark.parametrize(
    ("cost", "weights", "expected"),
    [
        ("0.000000000010", (1, 1, 1), ("0.000000000004", "0.000000000003", "0.000000000003")),
        ("-0.000000000010", (1, 1, 1), ("-0.000000000004", "-0.000000000003", "-0.000000000003")),
        ("0.000000000001", (1, 2, 1), ("0", "0.000000000001", "0")),
        ("7002.730000000000", (1, 1, 0), ("3501.365", "3501.365", None)),
        ("0", (3, 2, 1), ("0", "0", "0")),
    ],
)
def test_what_cannot_be_split_goes_to_the_largest_fraction_then_weight_then_name(
    connection: psycopg.Connection[tuple[object, ...]], cost: str, weights: tuple[int, ...], expected: tuple[str | None, ...]
) -> None:
    names = [(f"user{position}", "key") for position in range(len(weights))]
    case = (Decimal(cost), dict(zip(names, map(Decimal, weights), strict=True)))
    found = spread(connection, [case], Random(1))  # noqa: S311  # as above
    assert [found.get((1, *name)) for name in names] == [None if one is None else Decimal(one) for one in expected]
