"""The four pictures of the report's first page: both months, forecast, drivers, unusual days; each a small SVG with its words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from html import escape

from meterhouse import formats
from meterhouse.answers.answer import listed, month, total
from meterhouse.answers.driver import comparable, others, whole_change
from meterhouse.answers.month_to_date import KEY as MONTH_TO_DATE
from meterhouse.answers.rows import AnswerRows, DayCost, MonthToDate, last_day
from meterhouse.counts import counted
from meterhouse.dashboard.palette import LESS, MORE, REST, SERIES
from meterhouse.dashboard.svg import GLYPH, cut

WIDTH, TALL = 330, 172
_NOW, _BEFORE = SERIES[0], REST
_TOP, _GROUND = 22, TALL - 20
_BAR, _ROW, _DRIVERS = 12, 33, 4

_UNUSUAL_FOR = {"api_key": "an API key", "organization": "the organization"}


@dataclass(frozen=True)
class Picture:
    """A picture of one answer: what it shows, as SVG; or why there is nothing to draw."""

    key: str
    title: str
    svg: str = ""
    empty: str = ""


def pictures(rows: AnswerRows, currency: str) -> list[Picture]:
    """Return the four pictures in one currency, in the order of the answers."""
    return [_months(rows, currency), _expected(rows, currency), _drivers(rows, currency), _days(rows, currency)]


def _months(rows: AnswerRows, currency: str) -> Picture:
    """Both months as they grew, day by day: final days only, and no further than the first unknown amount."""
    known = _daily(rows, currency)
    end = rows.month or max((row.month_start for row in rows.month_to_date or () if row.currency == currency), default=None)
    if end is None:
        return Picture(MONTH_TO_DATE, "Month to date", empty="no costs are loaded yet")
    before = (end.replace(day=1) - timedelta(days=1)).replace(day=1)
    now_line, before_line = _grown(end, known, rows), _grown(before, known, rows)
    title = f"{end:%B}, day by day, and {before:%B}"
    if not now_line and not before_line:
        return Picture(MONTH_TO_DATE, title, empty="no day of either month is final yet")
    high = max((float(one) for one in (*now_line, *before_line)), default=0.0) or 1.0
    longest = max(last_day(end).day, last_day(before).day)
    step = (WIDTH - 66) / (longest - 1)
    parts = [_ground(), _text(0, 12, formats.money(max((*now_line, *before_line)), currency), "weak")]
    for line, colour, name in ((before_line, _BEFORE, f"{before:%b}"), (now_line, _NOW, f"{end:%b}")):
        if not line:
            continue
        points = [(index * step, _height(float(cost), high)) for index, cost in enumerate(line)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        dash = "" if colour == _NOW else ' stroke-dasharray="4 3"'
        parts.append(
            f'<path d="M{path}" stroke="{colour}"{dash}/><circle cx="{points[-1][0]:.1f}" cy="{points[-1][1]:.1f}" r="3" fill="{colour}"/>'
        )
        parts.append(_text(points[-1][0] + 6, _clear(points[-1][1], now_line, before_line, colour, high), name))
    parts += [_text(0, TALL - 5, "1", "weak"), _text((longest - 1) * step, TALL - 5, str(longest), "weak middle")]
    words = f"{title}: {formats.money(now_line[-1], currency) if now_line else 'nothing final'} after {len(now_line)} days"
    return Picture(MONTH_TO_DATE, title, _svg(words, TALL, parts))


def _clear(y: float, now_line: Sequence[Decimal], before_line: Sequence[Decimal], colour: str, high: float) -> float:
    """Where the name of a line stands: at its end, and clear of the other one's."""
    if now_line and before_line and abs(len(now_line) - len(before_line)) < 5:
        now, before = (_height(float(line[-1]), high) for line in (now_line, before_line))
        if abs(now - before) < 14:
            is_above = (colour == _NOW) == (now <= before)
            return (now + before) / 2 + (-4 if is_above else 12)
    return y + 4


def _grown(start: date, known: Mapping[date, DayCost], rows: AnswerRows) -> list[Decimal]:
    """What a month had come to after each of its days: up to the last settled one, and no further than an unknown amount."""
    through, line = rows.settled_through, list[Decimal]()
    if not any(start <= day <= last_day(start) for day in known):
        # Not loaded, or nothing was billed: there is no line to draw.
        return line
    day = start
    while through is not None and day <= min(through, last_day(start)):
        row = known.get(day)
        if row is not None and (row.cost is None or not row.is_settled):
            break
        line.append((line[-1] if line else Decimal(0)) + (row.cost or Decimal(0) if row else Decimal(0)))
        day += timedelta(days=1)
    return line


def _expected(rows: AnswerRows, currency: str) -> Picture:
    """The month before, this month as billed and as expected, and the budget of the organization as a line."""
    found = [row for row in rows.forecasts or () if row.currency == currency]
    months = [row for row in rows.month_to_date or () if row.currency == currency]
    if not months:
        return Picture("forecast", "Forecast", empty="no costs are loaded yet")
    start = max(row.month_start for row in months)
    billed = total([row.settled_cost for row in months if row.month_start == start]) or Decimal(0)
    before = total([row.previous_month_cost for row in months if row.month_start == start])
    expected = total([row.expected_cost for row in found]) if found else None
    budget = _own_budget(rows, currency)
    title = f"{month(start)}: billed{', expected' if expected is not None else ''} and {start - timedelta(days=1):%B}"
    widest = max(float(one or 0) for one in (billed, before, expected, budget, _range(rows, currency)[1]))
    scale = (WIDTH - 4) / (widest or 1)
    parts = []
    whole = f"Expected, all of {start:%B}"
    final = _final_name([row for row in months if row.month_start == start], start)
    bars = [(f"{start - timedelta(days=1):%B}", before, _BEFORE), (final, billed, _NOW), (whole, expected, _NOW)]
    y = 0.0
    for label, cost, colour in bars:
        if cost is None:
            continue
        parts += [_text(0, y + 13, label), _text(WIDTH, y + 13, formats.money(cost, currency), "end")]
        parts.append(_rect(0, y + 18, float(cost) * scale, _BAR, colour, faint=label == whole))
        if label == whole:
            parts.append(_rect(0, y + 18, float(billed) * scale, _BAR, colour))
            low, high = (float(one or 0) * scale for one in _range(rows, currency))
            if high:
                parts.append(f'<path d="M{low:.1f} {y + 24}H{high:.1f}M{low:.1f} {y + 20}v8M{high:.1f} {y + 20}v8" class="range"/>')
        y += _ROW + 4
    if budget:
        x = float(budget) * scale
        parts.append(f'<path d="M{x:.1f} 16V{y:.1f}" class="limit"/>')
        words = f"budget {formats.money(budget, currency)}"
        is_left = x + GLYPH * len(words) > WIDTH
        parts.append(_text(x, y + 13, words, "end" if is_left else ""))
        y += 16
    if expected is not None:
        low_cost, high_cost = _range(rows, currency)
        parts.append(_text(0, y + 11, "pale: still to come", "weak"))
        if low_cost is not None and high_cost is not None:
            span = f"|{formats.DASH}| range {formats.money(low_cost, currency)} to {formats.money(high_cost, currency)}"
            parts.append(_text(WIDTH, y + 11, span, "weak end"))
        y += 14
    said = "; ".join(f"{label} {formats.money(cost, currency)}" for label, cost, _ in bars if cost is not None)
    return Picture("forecast", title, _svg(f"{title}: {said}", int(y + 6), parts))


def _final_name(months: Sequence[MonthToDate], start: date) -> str:
    """The bar of the final days: a month that is not over ends with its last final one."""
    through = max((row.settled_through_date for row in months if row.settled_through_date is not None), default=None)
    if through is None or through >= last_day(start):
        return f"{start:%B}, final"
    return f"{start:%B} through {through.day} {through:%b}"


def _range(rows: AnswerRows, currency: str) -> tuple[Decimal | None, Decimal | None]:
    """The range of the only forecast; that of several says nothing when it is added up."""
    found = [row for row in rows.forecasts or () if row.currency == currency]
    return (found[0].low_cost, found[0].high_cost) if len(found) == 1 else (None, None)


def _own_budget(rows: AnswerRows, currency: str) -> Decimal | None:
    own = [
        row.budget_cost
        for row in rows.budgets or ()
        if row.currency == currency and row.scope_kind == "organization" and row.period == "month"
    ]
    return own[0] if len(own) == 1 else None


def _drivers(rows: AnswerRows, currency: str) -> Picture:
    """The largest changes, more to the right and less to the left, and what all others come to: together they are the whole change."""
    found = [row for row in comparable(rows.changes or (), currency) if row.change_cost]
    if not found:
        return Picture("driver", "Largest changes", empty="nothing changed, or nothing can be compared yet")
    shown = sorted(found, key=lambda row: abs(row.change_cost or Decimal(0)), reverse=True)[:_DRIVERS]
    first, last = found[0].previous_first_date, found[0].previous_last_date
    whole = whole_change(found)
    number, rest = others(found, shown, whole)
    bars = [(row.name, row.shown_change) for row in shown] + ([(counted(number, "other"), rest)] if number else [])
    compared = f" compared with {formats.span(first, last)}" if first and last else ""
    title = f"Change by {found[0].dimension}{compared}: {formats.change(whole, currency)}"
    amounts = [float(amount) for _, amount in bars]
    low, high = min(0.0, *amounts), max(0.0, *amounts)
    scale = (WIDTH - 2) / ((high - low) or 1)
    parts = []
    for index, ((name, change), amount) in enumerate(zip(bars, amounts, strict=True)):
        y, text = index * _ROW, formats.change(change, currency)
        parts += [_text(0, y + 13, cut(name, int(WIDTH / GLYPH) - len(text) - 2)), _text(WIDTH, y + 13, text, "end")]
        left = (min(amount, 0.0) - low) * scale
        parts.append(_rect(left, y + 18, abs(amount) * scale, _BAR - 2, REST if index == len(shown) else MORE if amount > 0 else LESS))
    words = ", ".join(f"{name} {formats.change(change, currency)}" for name, change in bars)
    return Picture("driver", title, _svg(f"{title}: {words}", _ROW * len(bars) + 2, parts))


def _days(rows: AnswerRows, currency: str) -> Picture:
    """A bar for each of the days that were judged; an unusual one in another colour, with a mark above it."""
    span = rows.odd_days_span
    if span is None:
        return Picture("odd_days", "Unusual days", empty="no day is final yet")
    known = _daily(rows, currency)
    days = [span[0] + timedelta(days=number) for number in range((span[1] - span[0]).days + 1)]
    costs = [float(known[day].cost or 0) if day in known else 0.0 for day in days]
    odd = {row.usage_date for row in rows.odd_days or () if row.currency == currency}
    high, step = max(costs, default=0.0) or 1.0, WIDTH / len(days)
    top = days[costs.index(max(costs))]
    highest = f"highest: {formats.money(Decimal(str(max(costs))), currency)} on {formats.day(top)}"
    parts = [_ground(), _text(0, 12, f"{highest}{'' if top in odd else ', as expected of that day'}", "weak")]
    for index, (day, cost) in enumerate(zip(days, costs, strict=True)):
        y = _height(max(cost, 0.0), high)
        parts.append(_rect(index * step + 1, y, step - 2, _GROUND - y, MORE if day in odd else _NOW))
        if day in odd:
            x = index * step + step / 2
            parts.append(f'<path d="M{x:.1f} {y - 3:.1f}l-4 -7h8z" fill="{MORE}" class="mark"/>')
    parts += [_text(0, TALL - 5, formats.day(days[0]), "weak"), _text(WIDTH, TALL - 5, formats.day(days[-1]), "weak end")]
    title = f"Cost per day{_marked(rows, currency) if odd else ''}"
    words = f"{title}: {', '.join(formats.day(day) for day in sorted(odd)) or 'none is unusual'}"
    return Picture("odd_days", title, _svg(words, TALL, parts))


def _marked(rows: AnswerRows, currency: str) -> str:
    """Of what the marked days were unusual: seldom of the whole, so that a higher bar may have no mark."""
    kinds = sorted({row.series_kind for row in rows.odd_days or () if row.currency == currency})
    names = [_UNUSUAL_FOR.get(kind, f"a {kind.replace('_', ' ')}") for kind in kinds]
    return f"; marked: unusual for {listed(names)}"


def _daily(rows: AnswerRows, currency: str) -> dict[date, DayCost]:
    return {row.usage_date: row for row in rows.days or () if row.currency == currency}


def _height(value: float, high: float) -> float:
    return _GROUND - value / high * (_GROUND - _TOP)


def _ground() -> str:
    return f'<path d="M0 {_GROUND}H{WIDTH}" class="grid-line"/>'


def _rect(x: float, y: float, width: float, tall: float, colour: str, *, faint: bool = False) -> str:
    opacity = ' opacity=".4"' if faint else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.0):.1f}" height="{max(tall, 0.0):.1f}" fill="{colour}"{opacity}/>'


def _text(x: float, y: float, words: str, place: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{f" class={chr(34)}{place}{chr(34)}" if place else ""}>{escape(words)}</text>'


def _svg(words: str, tall: int, parts: Iterable[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {tall}" role="img" aria-label="{escape(words)}" class="drawn">{"".join(parts)}</svg>'
