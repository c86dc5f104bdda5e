"""Figures as people read them: thousands separated, always with a unit, an em dash for unknown values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from meterhouse import counts

UNKNOWN = "—"
MINUS = "\u2212"
DASH = "\u2013"
_CENT = Decimal("0.01")
_STEPS = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))


def money(amount: Decimal | None, currency: str) -> str:
    """Return an amount to the cent with its currency; less than half a cent is said to be so."""
    if amount is None:
        return UNKNOWN
    rounded = cents(amount)
    if amount and not rounded:
        return f"<{_with_currency('0.01', currency)}" if amount > 0 else f">{MINUS}{_with_currency('0.01', currency)}"
    return f"{MINUS if amount < 0 else ''}{_with_currency(f'{abs(rounded):,}', currency)}"


def cents(amount: Decimal) -> Decimal:
    """Return an amount as it is shown, to the cent."""
    return amount.quantize(_CENT, ROUND_HALF_EVEN)


def difference(now: Decimal, before: Decimal) -> Decimal:
    """Return the difference of two amounts as they are shown, so that readers who subtract them get the same."""
    return cents(now) - cents(before)


def rest(whole: Decimal, parts: Iterable[Decimal]) -> Decimal:
    """Return what is left of a whole as it is shown beside its shown parts, so that readers who add up get the whole."""
    return cents(whole) - sum((cents(part) for part in parts), Decimal(0))


def change(amount: Decimal, currency: str) -> str:
    """Return a difference with its sign."""
    text = money(amount, currency)
    return f"<+{text[1:]}" if text.startswith("<") else f"+{text}" if amount > 0 else text


def count(value: int | Decimal | None) -> str:
    """Return a whole number."""
    return UNKNOWN if value is None else f"{value:,}".replace("-", MINUS)


def counted(value: int | Decimal | None, noun: str) -> str:
    """Return a whole number with its noun, as in 1 token, or that it is not known how many there are."""
    return f"{UNKNOWN} {noun}s" if value is None else counts.counted(value, noun)


def short(value: int | Decimal | None) -> str:
    """Return a number in three or four digits, as 12.3 M."""
    if value is None:
        return UNKNOWN
    for size, suffix in _STEPS:
        if abs(Decimal(value)) >= size:
            scaled = Decimal(value) / size
            return f"{scaled:.{0 if scaled >= 100 else 1 if scaled >= 10 else 2}f} {suffix}"
    return count(value)


def share(part: Decimal | int | None, whole: Decimal | int | None) -> Decimal | None:
    """Return part of whole, 0 to 1; None when either is unknown or the whole is nothing."""
    return None if part is None or not whole else Decimal(part) / Decimal(whole)


def percent(value: Decimal | None) -> str:
    """Return a share with one decimal; a share too small for it is said to be so."""
    if value is None:
        return UNKNOWN
    if 0 < value < Decimal("0.0005"):
        return "<0.1%"
    return f"{value * 100:.1f}%".replace("-", MINUS)


def signed_percent(value: Decimal) -> str:
    """Return a relative change with its sign."""
    if value and abs(value) < Decimal("0.0005"):
        return "<+0.1%" if value > 0 else f">{MINUS}0.1%"
    return f"+{percent(value)}" if value > 0 else percent(value)


def day(value: date) -> str:
    """Return a day as 21 Nov 2026."""
    return f"{value.day} {value:%b %Y}"


def span(first: date, last: date, year: int | None = None) -> str:
    """Return some days as 1-28 Oct 2026 or 30 Sep - 27 Oct 2026, with an en dash; without the year where it is `year`."""
    ends = "" if last.year == year == first.year else f" {last.year}"
    if first == last:
        return f"{last.day} {last:%b}{ends}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}{DASH}{last.day} {last:%b}{ends}"
    return f"{first.day} {first:%b}{f' {first.year}' if first.year != last.year else ''} {DASH} {last.day} {last:%b}{ends}"


def spans(found: Sequence[tuple[date, date]], limit: int = 4) -> str:
    """Return several spans of days, the first few of many."""
    more = f" and {len(found) - limit} more" if len(found) > limit else ""
    return ", ".join(span(*one) for one in found[:limit]) + more


def moment(value: datetime) -> str:
    """Return a UTC moment as 21 Nov 2026, 14:50 UTC."""
    return f"{day(value)}, {value:%H:%M} UTC"


def _with_currency(text: str, currency: str) -> str:
    return f"${text}" if currency == "usd" else f"{text} {currency.upper() or 'of an unknown currency'}"
