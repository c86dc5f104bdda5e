"""Variance: the parts of a change add up to it exactly, and each of them answers only to what it is named after."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from meterhouse.accounting.variance import Amount, Line, Parts, parts_of

CASES = 10_000


def line(model: str, kind: str, before: tuple[str, int] | None, after: tuple[str, int] | None, **given: object) -> Line:
    """A line of tokens: (cost, tokens) of each period, None for no row."""
    side = "output" if kind == "output" else "input"
    values = {"line_item": f"{model}, {kind}", "subject": model, "level": "", "side": side, "kind": kind, "unit": "million tokens"} | given
    return Line(before=amount(before), after=amount(after), **values)  # type: ignore[arg-type]  # fields of the test's choice


def amount(said: tuple[str, int] | None) -> Amount:
    return Amount() if said is None else Amount(Decimal(said[0]), Decimal(said[1]))


def summed(lines: list[Line], previous_days: int = 1, days: int = 1) -> Parts:
    """The parts of all lines together."""
    found = [vars(parts) for parts in parts_of(lines, previous_days, days)]
    return Parts(**{name: sum((parts[name] for parts in found), Decimal(0)) for name in vars(Parts())})


def change(lines: list[Line]) -> Decimal:
    return sum((one.after.cost - one.before.cost for one in lines), Decimal(0))


def only(**parts: str) -> Parts:
    return Parts(**{name: Decimal(value) for name, value in parts.items()})


BEFORE = [
    line("big", "input", ("10", 1000), ("10", 1000)),
    line("big", "cached input", ("0.5", 500), ("0.5", 500)),
    line("big", "output", ("8", 200), ("8", 200)),
    line("small", "input", ("1.5", 1500), ("1.5", 1500)),
]


def scaled(one: Line, factor: str) -> Line:
    cost, quantity = one.before.cost * Decimal(factor), (one.before.quantity or Decimal(0)) * Decimal(factor)
    return replace(one, after=Amount(cost, quantity))


def test_more_of_everything_is_only_volume() -> None:
    assert summed([scaled(one, "1.2") for one in BEFORE]) == only(volume="4.0")


def test_the_same_tokens_from_the_cache_are_only_cache() -> None:
    moved = [
        line("big", "input", ("10", 1000), ("8", 800)),
        line("big", "cached input", ("0.5", 500), ("0.7", 700)),
        *BEFORE[2:],
    ]
    assert summed(moved) == only(cache="-1.8")


def test_a_price_of_one_model_is_only_price() -> None:
    dearer = [replace(BEFORE[0], after=Amount(Decimal(20), Decimal(1000))), *BEFORE[1:]]
    assert summed(dearer) == only(price="10")


def test_the_same_tokens_by_a_cheaper_model_are_model_mix() -> None:
    moved = [line("big", "input", ("10", 1000), ("5", 500)), line("small", "input", ("1", 1000), ("1.5", 1500))]
    assert summed(moved) == only(model_mix="-4.5")


def test_another_release_of_a_model_is_model_mix_and_no_price() -> None:
    moved = [
        line("big", "input", ("10", 1000), None, line_item="big-2026-01-01, input"),
        line("big", "input", None, ("12", 1000), line_item="big-2026-06-01, input"),
    ]
    assert summed(moved) == only(model_mix="2")


def test_a_move_to_another_tier_is_tier_mix_and_no_price() -> None:
    moved = [line("big", "input", ("10", 1000), ("5", 500)), line("big", "input", None, ("10", 500), level="priority")]
    assert summed(moved) == only(tier_mix="5")


def test_longer_answers_are_direction_mix() -> None:
    moved = [line("big", "input", ("10", 1000), ("9", 900)), line("big", "output", ("4", 100), ("8", 200))]
    assert summed(moved) == only(direction_mix="3")


def test_what_is_in_only_one_period_is_new_or_gone_and_does_not_touch_the_volume_of_the_others() -> None:
    lines = [
        line("old", "input", ("3", 300), None),
        line("fresh", "output", None, ("7", 10)),
        line("big", "input", ("10", 1000), ("20", 2000)),
    ]
    assert summed(lines) == only(new="7", gone="-3", volume="10")


def test_a_longer_month_is_days_and_no_volume() -> None:
    longer = [replace(BEFORE[0], before=Amount(Decimal(30), Decimal(300)), after=Amount(Decimal(31), Decimal(310)))]
    assert summed(longer, 30, 31) == only(days="1")


def test_credits_and_what_has_no_quantity_are_taken_whole() -> None:
    lines = [
        Line("Promotional credit", None, "", "", "", None, Amount(Decimal(-5), None), Amount(Decimal(-9), None), is_credit=True),
        Line("fee", "fee", "", "", "", None, Amount(Decimal(2), None), Amount(Decimal(3), None)),
        # A unit, and still nothing that was counted.
        line("big", "input", ("10", 0), ("11", 5)),
    ]
    assert summed(lines) == only(credit="-4", other="2")


def test_what_the_vendor_restated_is_a_part_of_its_own_and_the_rest_is_as_it_was_first() -> None:
    restated = line("big", "input", None, None)
    before = Amount(Decimal(12), Decimal(1200), restated_cost=Decimal(2), restated_quantity=Decimal(200))
    after = Amount(Decimal(20), Decimal(2000))
    assert summed([replace(restated, before=before, after=after)]) == only(restatement="-2", volume="10")
    taken_back = Amount(restated_cost=Decimal(-4), restated_quantity=Decimal(-400))
    assert summed([replace(restated, before=taken_back, after=Amount())]) == only(restatement="4", gone="-4")


def test_absurd_quantities_make_no_amount_that_no_column_holds() -> None:
    odd = [line("big", "input", ("1000", 1), ("1000", 10**25)), line("big", "output", ("1", 1), ("1", 1))]
    found = summed(odd)
    assert found.total == 0
    assert max(abs(part) for part in vars(found).values()) < Decimal(10) ** 13


def test_the_largest_part_has_a_name_and_nothing_has_none() -> None:
    assert only(volume="4", price="-7").main == "price"
    assert only(volume="4", price="-4").main == "volume"
    assert only().main is None


def a_case(rng: random.Random) -> list[Line]:
    """Lines of one project with everything that a bill may have: zeros, lines that come and go, units, credits and restatements."""

    def side(unit: str | None) -> Amount:
        if rng.random() < 0.2:
            return Amount()
        cost = Decimal(rng.choice([0, rng.randrange(10**13), rng.randrange(10**16)])).scaleb(-12)
        quantity = (
            None if unit is None or rng.random() < 0.05 else Decimal(rng.choice([0, rng.randrange(1, 10**6), rng.randrange(1, 10**12)]))
        )
        if quantity == 0 and rng.random() < 0.8:
            cost = Decimal(0)
        if rng.random() < 0.9:
            return Amount(cost, quantity)
        return Amount(cost, quantity, Decimal(rng.randrange(-(10**9), 10**9)).scaleb(-12), Decimal(rng.randrange(-5, 5)))

    found = []
    for number in range(rng.randrange(1, 13)):
        unit = rng.choice(["million tokens", "million tokens", "image", None])
        credit = rng.random() < 0.05
        kind = rng.choice(["input", "cached input", "output"])
        found.append(
            Line(
                f"line {number}", rng.choice("abc"), rng.choice(["", "priority"]), "output" if kind == "output" else "input", kind, unit,
                side(unit), side(unit), is_credit=credit,
            )
        )  # fmt: skip
    return found


def test_the_parts_of_ten_thousand_random_changes_add_up_to_them_exactly() -> None:
    rng = random.Random(14)  # noqa: S311  # a reproducible choice of cases
    kinds: dict[str, int] = dict.fromkeys(vars(Parts()), 0)
    for number in range(CASES):
        lines = a_case(rng)
        previous_days, days = rng.choice([(1, 1), (7, 7), (30, 31), (31, 28)])
        parts = parts_of(lines, previous_days, days)
        for one, found in zip(lines, parts, strict=True):
            assert found.total == one.after.cost - one.before.cost, one
            for name, value in vars(found).items():
                kinds[name] += value != 0
        if number % 20 == 0:
            back = [replace(one, before=one.after, after=one.before) for one in lines]
            assert summed(back, days, previous_days).total == -change(lines)
    # Each part was at stake.
    assert min(kinds.values()) > CASES / 20, kinds


@pytest.mark.parametrize("seed", range(20))
def test_prices_that_are_the_same_in_both_periods_have_no_part(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311  # a reproducible choice of cases
    prices = {(model, kind): rng.randrange(1, 500) for model in "abc" for kind in ("input", "cached input", "output")}
    lines = []
    for (model, kind), price in prices.items():
        before, after = (rng.randrange(1, 10**9) for _ in range(2))
        lines.append(line(model, kind, (str(Decimal(before * price).scaleb(-9)), before), (str(Decimal(after * price).scaleb(-9)), after)))
    found = summed(lines)
    assert abs(found.price) <= Decimal(len(lines)).scaleb(-12)
    assert found.total == change(lines)
