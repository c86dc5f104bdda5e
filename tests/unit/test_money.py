"""Money: every way an amount is known to have been written is read exactly, everything else is refused, and nothing is rounded."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhouse.errors import RejectedAnswer
from meterhouse.money import MAX_DECIMALS, MAX_INTEGER_DIGITS, add, parse_amount

EXAMPLES = settings(max_examples=300, deadline=None, derandomize=True)

ACCEPTED = [
    ("null", None),
    ("0", "0"),
    ("-0", "0"),
    ("0.0", "0"),
    ("0.06", "0.06"),
    ('"0.06"', "0.06"),
    ("-12.5", "-12.5"),
    ('"-12.5"', "-12.5"),
    ("1e-7", "0.0000001"),
    ("1E-7", "0.0000001"),
    ("1.5e+3", "1500"),
    ('"2.5E2"', "250"),
    ("0E-6176", "0"),
    ('"0E-6176"', "0"),
    ('"-0E-6176"', "0"),
    ("0.13080438340307526", "0.13080438340307526"),
    ('"0.1308043834030752600000000000000000"', "0.13080438340307526"),  # 34 digits
    ('"0.000005600000000000000000000000000000123"', "0.000005600000000000000000000000000000123"),  # 39 decimals
    ('"123.4567890123456789012345678901234567"', "123.4567890123456789012345678901234567"),
    ("9999999999999999", "9999999999999999"),
    ("1e15", "1000000000000000"),
    ("1e-60", "1e-60"),
    ("10e-61", "1e-60"),
    ("9007199254740993.1", "9007199254740993.1"),  # not a float
    ('"30.0"', "30"),
    ("1" + "0" * 15 + "." + "0" * 200, "1000000000000000"),
]

REFUSED = [
    "",
    '""',
    '" "',
    "NaN",
    '"NaN"',
    '"sNaN"',
    "Infinity",
    '"Infinity"',
    '"-inf"',
    '"1_000"',
    "1_000",
    '"1,000.00"',
    '" 1 "',
    " 1",
    "1\n",
    '"1\n"',
    '"+1"',
    "+1",
    '"٣"',
    '"\uff11\uff12"',
    "1E400",
    '"1E400"',
    "1e-61",
    "1.5e-60",
    "1" + "0" * 16,
    "12345678901234567",
    "0." + "1" * 61,
    "1234567890123456." + "1" * 61,
    "1" * 5000,
    "1e999999999",
    "1e",
    "e5",
    ".5",
    "5.",
    "0x10",
    "--1",
    '"1',
    '1"',
    '"null"',
    "true",
    "false",
    "[]",
    "{}",
    '{"value":1}',
    '"$1"',
    '"1 usd"',
    "\xa01",
]


@pytest.mark.fault(66)
@pytest.mark.parametrize(("text", "expected"), ACCEPTED, ids=[text[:40] for text, _ in ACCEPTED])
def test_a_known_spelling_is_read_exactly(text, expected):
    assert parse_amount(text.encode()) == (None if expected is None else Decimal(expected))


@pytest.mark.fault(66)
@pytest.mark.parametrize("text", REFUSED, ids=[ascii(text[:30]) for text in REFUSED])
def test_anything_else_is_refused_and_never_rounded(text):
    with pytest.raises(RejectedAnswer, match="an amount") as caught:
        parse_amount(text.encode())
    assert len(str(caught.value)) < 200, "the refusal repeats a long amount whole"
    assert "\n" not in str(caught.value)


def test_a_zero_of_any_scale_is_stored_as_a_plain_zero():
    assert str(parse_amount(b'"0E-6176"')) == "0"
    assert str(parse_amount(b"-0.000")) == "0"


def test_a_refusal_names_the_offending_text():
    with pytest.raises(RejectedAnswer, match="NaN"):
        parse_amount(b"NaN")


@st.composite
def amounts(draw):
    """Any amount within the bounds: up to 16 digits before the point and 60 behind it."""
    whole = draw(st.integers(0, 10**MAX_INTEGER_DIGITS - 1))
    decimals = draw(st.integers(0, MAX_DECIMALS))
    behind = draw(st.integers(0, 10**decimals - 1)) if decimals else 0
    sign = draw(st.sampled_from(["", "-"]))
    return Decimal(f"{sign}{whole}.{behind:0{decimals}d}" if decimals else f"{sign}{whole}")


@EXAMPLES
@given(amounts(), st.booleans(), st.sampled_from(["f", "e", "E", "str"]))
def test_any_amount_within_bounds_is_the_same_number_after_the_journey(amount, is_quoted, style):
    text = str(amount) if style == "str" else format(amount, style)
    read = parse_amount(f'"{text}"'.encode() if is_quoted else text.encode())
    assert read is not None
    assert Fraction(read) == Fraction(amount)


@EXAMPLES
@given(st.lists(amounts(), min_size=1, max_size=30))
def test_sums_are_exact_whatever_the_order(summands):
    total, backwards = Decimal(0), Decimal(0)
    for amount in summands:
        total = add(total, amount)
    for amount in reversed(summands):
        backwards = add(backwards, amount)
    assert Fraction(total) == Fraction(backwards) == sum(map(Fraction, summands))


def test_sums_do_not_depend_on_the_decimal_context_of_the_caller():
    small, large = Decimal("1e-60"), Decimal(10**15)
    with localcontext() as context:
        context.prec, context.rounding = 5, ROUND_DOWN
        assert Fraction(add(large, small)) == Fraction(large) + Fraction(small)
        assert parse_amount(b"1234567890.123456789") == Decimal("1234567890.123456789")


def test_a_million_cents_are_ten_thousand_dollars():
    total = Decimal(0)
    for _ in range(10_000):
        total = add(total, Decimal("0.01"))
    assert total == 100
